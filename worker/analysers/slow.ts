/**
 * For drills: the local analyser behind a pause just longer than a thought may take, which makes work pile
 * up.
 */
import { setTimeout as pause } from "node:timers/promises";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import type { Analyser } from "./analyser.ts";
import { createLocalAnalyser } from "./local.ts";

/** A second more than the 95th percentile may take. */
const PAUSE_MS = (THRESHOLDS.processingP95.warn + 1) * 1_000;

/**
 * Few enough that work piles up, and enough to give ProcessingSlow its twenty thoughts, even in the 40 s
 * window of a fast drill. They pause in parallel: a worker told to stop finishes them after one pause.
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
