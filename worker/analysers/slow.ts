/** For drills: the local analyser behind a pause just longer than a thought may take, so that work really piles up. */
import { setTimeout as pause } from "node:timers/promises";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import type { Analyser } from "./analyser.ts";
import { createLocalAnalyser } from "./local.ts";

/** A second more than the 95th percentile may take. */
const PAUSE_MS = (THRESHOLDS.processingP95.warn + 1) * 1_000;

/** @param options.pauseMs before each analysis @default a second above the limit of ProcessingSlow */
export function createSlowAnalyser({ pauseMs = PAUSE_MS } = {}): Analyser {
  const local = createLocalAnalyser();
  return {
    name: "slow",
    version: local.version,
    batchSize: 1, // so that a worker told to stop is through with what it holds after one pause
    concurrency: 1,
    async analyse(subject, signal) {
      await pause(pauseMs, undefined, { signal });
      return local.analyse(subject, signal);
    },
  };
}
