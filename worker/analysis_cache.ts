/** Finished analyses in the cache, under a key that tells nothing of the thought and everything that decides its result. */
import { hash } from "node:crypto";
import { z } from "zod";
import type { Cache } from "../core/cache/cache.ts";
import { ResultSchema } from "../core/result.ts";
import type { Analyser, Subject, Usage } from "./analysers/analyser.ts";

/** An analysis worth keeping, with what it cost: so a hit knows what it saved. */
export interface CachedAnalysis {
  /** As JSON, as it goes to the store too. */
  readonly result: string;
  readonly cost?: Cost | undefined;
}

type Cost = Pick<Usage, "provider" | "model" | "costUsd">;

const CachedSchema = z.strictObject({
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
      return prefix + hash("sha256", JSON.stringify([text, context]), "hex"); // hex: the fastest
    },
    async find(keys) {
      return (await cache.getMany(keys)).map((value) => value === undefined ? undefined : parse(value));
    },
    remember(analyses) {
      return cache.setMany(new Map([...analyses].map(([key, analysis]) => [key, toJson(analysis)])));
    },
  };
}

function toJson({ result, cost }: CachedAnalysis): string {
  return cost === undefined ? `{"result":${result}}` : `{"result":${result},"cost":${JSON.stringify(cost)}}`;
}

function parse(value: string): CachedAnalysis | undefined {
  try {
    const { result, cost } = CachedSchema.parse(JSON.parse(value));
    return { result: JSON.stringify(result), cost };
  } catch {
    return undefined;
  }
}
