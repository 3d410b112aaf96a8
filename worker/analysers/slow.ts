/** For drills: the local analyser behind a pause just longer than a thought may take, so that work really piles up. */
import { setTimeout as pause } from "node:timers/promises";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import type { Analyser } from "./analyser.ts";
import { createLocalAnalyser } from "./local.ts";

/** A second more than the 95th percentile may take. */
const PAUSE_MS = (THRESHOLDS.processingP95.warn + 1) * 1_000;

/**
 * Few enough that work piles up, and enough that ProcessingSlow has the twenty thoughts that it asks for, in the 40 s that
 * a fast drill looks back too. They pause side by side: a worker told to stop has finished them after one pause.
 */
const LANES = 16;

/** @param options.pauseMs before each analysis @default a second above the limit of ProcessingSlow */
export function createSlowAnalyser({ pauseMs = PAUSE_MS } = {}): Analyser {
  const local = createLocalAnalyser();
  return {
    name: "slow",
    version: local.version,
    batchSize: LANES,
    concurrency: LANES,
    async analyse(subject, signal) {
      await pause(pauseMs, undefined, { signal });
      return local.analyse(subject, signal);
    },
  };
}
