/**
 * The result's schema as JSON Schema: whole for the prompt, and for `response_format` only the keywords that
 * every provider accepts. Groq refuses `minItems` (i-am-bee/beeai-framework#1215), Gemini `$schema`,
 * `additionalProperties` and `propertyNames` (openswarm-ai/openswarm#24).
 */
import { z } from "zod";
import { ResultSchema } from "../../../core/result.ts";

interface JsonSchema {
  readonly [word: string]: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly propertyNames?: { readonly enum?: readonly string[] };
  readonly additionalProperties?: JsonSchema | boolean;
}

const TAKEN_BY_ALL = ["type", "enum", "required"];

export const PROMPT_SCHEMA = z.toJSONSchema(ResultSchema, { unrepresentable: "any" }) as JsonSchema;

export const PLAIN_SCHEMA = plain(PROMPT_SCHEMA);

function plain(schema: JsonSchema): JsonSchema {
  const kept = Object.fromEntries(
    TAKEN_BY_ALL.flatMap((word) => word in schema ? [[word, schema[word]]] : []),
  );
  const named = schema.properties ?? recordOf(schema);
  return {
    ...kept,
    ...(named && {
      properties: Object.fromEntries(Object.entries(named).map(([name, inner]) => [name, plain(inner)])),
    }),
    ...(schema.items && { items: plain(schema.items) }),
  };
}

/** A record whose keys are known, as an object of optional properties. */
function recordOf(
  { propertyNames, additionalProperties: value }: JsonSchema,
): Record<string, JsonSchema> | undefined {
  const names = propertyNames?.enum;
  return names === undefined || typeof value !== "object"
    ? undefined
    : Object.fromEntries(names.map((name) => [name, value]));
}
