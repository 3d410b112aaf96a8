/** Every analyser by the name that `ANALYSER` gives it. */
import type { Config } from "../../core/config.ts";
import type { Analyser } from "./analyser.ts";
import { createNoneAnalyser } from "./none.ts";
import { createOpenAiAnalyser } from "./openai.ts";

const ANALYSERS = new Map<string, (config: Config) => Analyser | Promise<Analyser>>([
  // Its language model takes 0.3 s and 100 MB: loaded only by a process that uses it.
  ["local", async () => (await import("./local.ts")).createLocalAnalyser()],
  ["none", createNoneAnalyser],
  ["openai", createOpenAiAnalyser],
  ["slow", async () => (await import("./slow.ts")).createSlowAnalyser()],
]);

/** @throws {Error} naming the known analysers, or what this one lacks */
export async function createAnalyser(config: Config): Promise<Analyser> {
  const create = ANALYSERS.get(config.analyser);
  if (create === undefined) {
    throw new Error(
      `Cannot start: ANALYSER is "${config.analyser}", there are ${[...ANALYSERS.keys()].join(", ")}`,
    );
  }
  return await create(config);
}
