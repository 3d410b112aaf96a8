/**
 * Finished analyses in the cache. A key reveals nothing of the thought, and covers everything that determines
 * its result.
 */
import { z } from "zod";
import type { Cache } from "../core/cache/cache.ts";
import { normalised, subjectHash } from "../core/subject.ts";
import { ResultSchema } from "../core/result.ts";
import type { Analyser, Subject, Usage } from "./analysers/analyser.ts";

/** An analysis worth keeping, with its cost: what a hit saves. */
export interface CachedAnalysis {
  /** As JSON, the same as in the store. */
  readonly result: string;
  readonly cost?: Cost | undefined;
}

type Cost = Pick<Usage, "provider" | "model" | "costUsd">;

const CachedSchema = z.strictObject({
  result: ResultSchema,
  exact: z.string().optional(),
  cost: z.strictObject({ provider: z.string(), model: z.string(), costUsd: z.number() }).optional(),
});

/** `exact`: the very text; `alike`: another case, other spaces, another mark at its end. */
export const HIT_KINDS = ["exact", "alike"] as const;
export type HitKind = (typeof HIT_KINDS)[number];

export interface AnalysisCache {
  /** Opaque, and different for texts that are only alike; those still find each other's analyses. */
  key(subject: Subject): string;
  /** What is remembered under these keys, in their order. An entry that is damaged counts as missing. */
  find(keys: readonly string[]): Promise<(CachedAnalysis | undefined)[]>;
  remember(analyses: ReadonlyMap<string, CachedAnalysis>): Promise<void>;
  /** Removes the analyses of deleted thoughts, by the hashes of their subjects. */
  forget(subjects: readonly string[]): Promise<void>;
}

/** @param onHit called for each analysis found */
export function createAnalysisCache(
  cache: Cache,
  { name, version }: Analyser,
  onHit: (kind: HitKind) => void = () => {},
): AnalysisCache {
  const prefix = `analysis:${name}:${version}:`;
  return {
    key({ text, context }) {
      const key = prefix + subjectHash({ text, context });
      const same = normalised(text) === text && (context === null || normalised(context) === context);
      return same ? key : `${key}${BETWEEN}${checksum(text)}${checksum(context ?? "")}`;
    },
    async find(keys) {
      const parts = keys.map((key) => key.split(BETWEEN));
      const values = await cache.getMany(parts.map(([key]) => key!));
      return values.map((value, at) => {
        const found = value === undefined ? undefined : parse(value);
        if (found !== undefined) onHit(found.exact === parts[at]![1] ? "exact" : "alike");
        return found;
      });
    },
    remember(analyses) {
      return cache.setMany(
        new Map([...analyses].map(([whole, analysis]) => {
          const [key, exact] = whole.split(BETWEEN);
          return [key!, toJson(analysis, exact)];
        })),
      );
    },
    forget: (subjects) => cache.deleteMany(subjects.map((subject) => prefix + subject)),
  };
}

/** Separates the part of a key that alike texts share from the part that distinguishes them. */
const BETWEEN = "|";

/** Only distinguishes spellings of one text, for counting; FNV-1a costs a tenth of a real hash. */
function checksum(text: string): string {
  let sum = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
  return (sum >>> 0).toString(36);
}

function toJson({ result, cost }: CachedAnalysis, exact: string | undefined): string {
  const which = exact === undefined ? "" : `,"exact":"${exact}"`;
  return cost === undefined
    ? `{"result":${result}${which}}`
    : `{"result":${result},"cost":${JSON.stringify(cost)}${which}}`;
}

function parse(value: string): CachedAnalysis & { readonly exact?: string | undefined } | undefined {
  try {
    const { result, cost, exact } = CachedSchema.parse(JSON.parse(value));
    return { result: JSON.stringify(result), cost, exact };
  } catch {
    return undefined;
  }
}
