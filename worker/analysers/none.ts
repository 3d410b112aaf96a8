/** For benchmarks: the same result for every thought, to measure the pipeline alone. */
import type { Result } from "../../core/thought.ts";
import type { Analyser } from "./analyser.ts";

const RESULT: Result = {
  classification: { type: "reflection", urgency: "none", tone: "neutral" },
  analysis: { summary: "Not analysed", keywords: [] },
  value: {},
  actions: ["Set ANALYSER to another analyser"],
  priority: { level: "low", score: 0, reason: "Not analysed" },
};

export function createNoneAnalyser(): Analyser {
  return {
    name: "none",
    version: "1",
    batchSize: 1_000,
    concurrency: 1,
    analyse: () => ({ result: RESULT }),
  };
}
