/**
 * Which parts of the protocol an endpoint accepts: learned from what it refuses, kept while the process runs.
 */
import type { Complaint } from "./failure.ts";
import { PLAIN_SCHEMA } from "./result_schema.ts";

/** Far more than a valid result needs; the second is for models that think before they answer. */
const OUTPUT_TOKENS = [1_200, 6_000] as const;
/** From most to least wanted; if a provider refuses one, the next is tried. */
const FORMATS = ["json_schema", "json_object", "none"] as const;
const TOKEN_LIMITS = ["max_completion_tokens", "max_tokens"] as const;

/** What this endpoint accepts, as far as known; each is an index that only grows. */
export interface Dialect {
  readonly format: number;
  readonly tokenLimit: number;
  readonly outputTokens: number;
}

export const FIRST_DIALECT: Dialect = { format: 0, tokenLimit: 0, outputTokens: 0 };

/** The fields of a request that a dialect decides. */
export function inDialect({ format, tokenLimit, outputTokens }: Dialect) {
  const type = FORMATS[format]!;
  return {
    [TOKEN_LIMITS[tokenLimit]!]: OUTPUT_TOKENS[outputTokens]!,
    ...(type === "json_schema" &&
      { response_format: { type, json_schema: { name: "analysis", schema: PLAIN_SCHEMA } } } as const),
    ...(type === "json_object" && { response_format: { type } } as const),
  };
}

/** The most tokens that an answer may have; undefined beyond the last step. */
export const outputTokensOf = ({ outputTokens }: Dialect): number | undefined => OUTPUT_TOKENS[outputTokens];

/** The dialect to try next, if the endpoint complains about the dialect. */
export function otherDialect(dialect: Dialect, { message, codes }: Complaint): Dialect | undefined {
  const said = `${codes} ${message}`;
  if (/max_completion_tokens|max_tokens/.test(said) && dialect.tokenLimit === 0) {
    return { ...dialect, tokenLimit: 1 };
  }
  if (
    /response_format|response format|json_schema|json_object|schema/i.test(said) &&
    FORMATS[dialect.format + 1]
  ) {
    return { ...dialect, format: dialect.format + 1 };
  }
  return undefined;
}

/** Merges what an exchange in one dialect has learned with what concurrent ones have. */
export const bothKnown = (one: Dialect, other: Dialect): Dialect => ({
  format: Math.max(one.format, other.format),
  tokenLimit: Math.max(one.tokenLimit, other.tokenLimit),
  outputTokens: Math.max(one.outputTokens, other.outputTokens),
});
