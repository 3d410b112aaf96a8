/** Finished analyses in the cache, under a key that tells nothing of the thought and everything that decides its result. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Cache } from "../core/cache.ts";
import { ResultSchema } from "../core/result.ts";
import type { Result } from "../core/thought.ts";
import type { Analyser, Subject, Usage } from "./analysers/analyser.ts";

/** An analysis worth keeping, with what it cost: so a hit knows what it saved. */
export interface CachedAnalysis {
  readonly result: Result;
  readonly cost?: Pick<Usage, "provider" | "model" | "costUsd"> | undefined;
}

const CachedSchema: z.ZodType<CachedAnalysis> = z.strictObject({
  result: ResultSchema,
  cost: z.strictObject({ provider: z.string(), model: z.string(), costUsd: z.number() }).optional(),
});

export interface AnalysisCache {
  key(subject: Subject): string;
  /** What is remembered under these keys, in their order. An entry that is damaged counts as missing. */
  find(keys: readonly string[]): Promise<(CachedAnalysis | undefined)[]>;
  remember(analyses: ReadonlyMap<string, CachedAnalysis>): Promise<void>;
}

export function createAnalysisCache(cache: Cache, { name, version }: Analyser): AnalysisCache {
  const prefix = `analysis:${name}:${version}:`;
  return {
    key({ text, context }) {
      return prefix + createHash("sha256").update(JSON.stringify([text, context])).digest("base64url");
    },
    async find(keys) {
      return (await cache.getMany(keys)).map((value) => value === undefined ? undefined : parse(value));
    },
    remember(analyses) {
      return cache.setMany(new Map([...analyses].map(([key, analysis]) => [key, JSON.stringify(analysis)])));
    },
  };
}

function parse(value: string): CachedAnalysis | undefined {
  try {
    return CachedSchema.safeParse(JSON.parse(value)).data;
  } catch {
    return undefined;
  }
}
