/** Every analyser by the name that `ANALYSER` gives it. */
import type { Config } from "../../core/config.ts";
import type { Analyser } from "./analyser.ts";
import { createLocalAnalyser } from "./local.ts";
import { createNoneAnalyser } from "./none.ts";
import { createOpenAiAnalyser } from "./openai.ts";
import { createSlowAnalyser } from "./slow.ts";

const ANALYSERS = new Map<string, (config: Config) => Analyser>([
  ["local", createLocalAnalyser],
  ["none", createNoneAnalyser],
  ["openai", createOpenAiAnalyser],
  ["slow", () => createSlowAnalyser()],
]);

/** @throws {Error} naming those there are, or what the analyser lacks */
export function createAnalyser(config: Config): Analyser {
  const create = ANALYSERS.get(config.analyser);
  if (create === undefined) {
    throw new Error(
      `Cannot start: ANALYSER is "${config.analyser}", there are ${[...ANALYSERS.keys()].join(", ")}`,
    );
  }
  return create(config);
}
