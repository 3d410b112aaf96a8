/** Whether memory grows: an API and a worker under a steady load, sampled for a long time. */
import postgres from "postgres";
import type { MeasuredProcess } from "./measured_process.ts";
import { postAtRate } from "./open_loop.ts";

/** Growth of resident memory in megabytes an hour, with its 95 % confidence interval. */
export interface Growth {
  readonly mbPerHour: number;
  readonly plusMinus: number;
  /** Resident memory in the last minute. */
  readonly mb: number;
}

export interface Soak {
  readonly minutes: number;
  readonly perSecond: number;
  readonly thoughts: number;
  readonly api: Growth;
  readonly worker: Growth;
}

export interface SoakOptions {
  readonly minutes: number;
  readonly perSecond: number;
}

const SAMPLE_MS = 2_000;
const MINUTE_MS = 60_000;
/** Caches and compiled code still grow in this share of the time, which does not count. */
const WARM_UP = 0.2;

/** @throws {Error} when a thought was refused, or none of the time is left after warming up */
export async function measureSoak(
  api: MeasuredProcess,
  worker: MeasuredProcess,
  databaseUrl: string,
  { minutes, perSecond }: SoakOptions,
): Promise<Soak> {
  const posting = postAtRate(api.url, { perSecond, seconds: minutes * 60 });
  let over = false;
  posting.catch(() => {}).finally(() => over = true);
  const startedAt = performance.now();
  const samples: Record<"api" | "worker", number[][]> = { api: [], worker: [] };
  while (!over) {
    const minute = Math.floor((performance.now() - startedAt) / MINUTE_MS);
    for (const [name, process] of Object.entries({ api, worker }) as ["api" | "worker", MeasuredProcess][]) {
      (samples[name][minute] ??= []).push(process.memoryBytes() / 1e6);
    }
    await Promise.race([posting, new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))]);
  }
  await posting;
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  const [row] = await sql.unsafe<{ n: number }[]>(
    "select count(*)::int as n from thoughts where status = 'completed'",
  );
  await sql.end();
  const growth = (name: "api" | "worker") =>
    growthOf(samples[name].slice(Math.ceil(minutes * WARM_UP), minutes).map(middle));
  return { minutes, perSecond, thoughts: row!.n, api: growth("api"), worker: growth("worker") };
}

/** Least squares over the middle of each minute: neighbouring samples depend on each other, minutes hardly do. */
function growthOf(mb: readonly number[]): Growth {
  const n = mb.length;
  if (n < 4) throw new Error("A soak takes at least 6 minutes");
  const meanX = (n - 1) / 2;
  const meanY = mb.reduce((sum, y) => sum + y, 0) / n;
  const sxx = mb.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
  const slope = mb.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0) / sxx;
  const residual = mb.reduce((sum, y, x) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  const error = Math.sqrt(residual / (n - 2) / sxx);
  return { mbPerHour: slope * 60, plusMinus: studentT(n - 2) * error * 60, mb: mb.at(-1)! };
}

/** The 97.5th percentile of Student's distribution, by Cornish and Fisher's expansion: within 2 % from 3 degrees on. */
function studentT(degrees: number): number {
  const z = 1.959964;
  return z + (z ** 3 + z) / (4 * degrees) + (5 * z ** 5 + 16 * z ** 3 + 3 * z) / (96 * degrees ** 2) +
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / (384 * degrees ** 3);
}

const middle = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
