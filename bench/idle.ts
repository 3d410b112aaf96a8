/** What processes take that have nothing to do. */
import { pause } from "../core/retry.ts";
import type { MeasuredProcess } from "./measured_process.ts";

export interface Idle {
  /** Share of one core. */
  readonly cpu: number;
  readonly memoryBytes: number;
}

/** Until they have settled: caches are filled, the workers' group is balanced. */
const SETTLE_MS = 15_000;
const MEASURED_MS = 60_000;

/** Measures processes beside one another for a minute. */
export async function measureIdle(processes: readonly MeasuredProcess[]): Promise<readonly Idle[]> {
  await pause(SETTLE_MS);
  const before = processes.map((process) => process.cpuS());
  const startedAt = performance.now();
  await pause(MEASURED_MS);
  const seconds = (performance.now() - startedAt) / 1_000;
  return processes.map((process, at) => ({
    cpu: (process.cpuS() - before[at]!) / seconds,
    memoryBytes: process.memoryBytes(),
  }));
}
