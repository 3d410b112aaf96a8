/**
 * The sampler: the live page's view of the whole system, sampled every two seconds while the page is open.
 * However many viewers there are, the database is read once per sample.
 */
import type { Heartbeat, Heartbeats } from "../../core/store/heartbeats.ts";
import { repeat } from "../../core/retry.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Metrics } from "../../core/telemetry/metrics.ts";
import type { Store } from "../../core/store/thoughts.ts";
import { type Buckets, countsByBound, quantile } from "./quantile.ts";

export interface Sample {
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** Thoughts this API accepted per second. */
  readonly accepted: number | null;
  /** Thoughts all workers finished per second. */
  readonly processed: number | null;
  /** Seconds that 95 % of the last minute's requests for thoughts stayed within. */
  readonly p95: number | null;
  /** Share of the last minute's analyses that were in the cache, 0 to 1. */
  readonly cacheHits: number | null;
  /** Thoughts not finished, at most {@link MOST_WAITING}. */
  readonly waiting: number;
  readonly workers: number;
  /** Workers that should be running, according to those that are. */
  readonly expectedWorkers: number;
  /**
   * Why the workers begin no analysis, and since when in milliseconds since the epoch; null while they may.
   */
  readonly closed: { readonly reason: string; readonly since: number } | null;
}

export interface Sampler extends Disposable {
  /** The samples of the last minutes, the newest last; none before the first is ready. */
  read(): readonly Sample[];
}

export interface SamplerOptions {
  readonly metrics: Metrics<"api">;
  readonly store: Pick<Store, "waiting">;
  readonly heartbeats: Pick<Heartbeats, "present">;
  readonly log: Logger;
  /** Between two samples. @default 2_000 */
  readonly everyMs?: number;
  /** Sampling stops when no viewer has asked for this long. @default 300_000 */
  readonly idleMs?: number;
  /** @default Date.now */
  readonly now?: () => number;
}

/** Beyond this the page only says "more". */
export const MOST_WAITING = 10_000;
const KEPT_SAMPLES = 150;
const MINUTE_MS = 60_000;
/** Workers beat every 2 s; over 10 s a late beat matters little. */
const RATES_OVER_MS = 10_000;

type Present = Heartbeat & { readonly seenAtMs: number };

/** What a sample is computed from: counts that only grow. */
interface Reading {
  readonly at: number;
  readonly accepted: number;
  readonly latency: Buckets;
  readonly workers: readonly Present[];
}

export function createSampler(options: SamplerOptions): Sampler {
  const { metrics, store, heartbeats, log, everyMs = 2_000, idleMs = 300_000, now = Date.now } = options;
  const samples: Sample[] = [];
  const readings: Reading[] = [];
  let lookedAt = -Infinity;
  let sampling: AbortController | undefined;

  async function sample(): Promise<number> {
    if (now() - lookedAt > idleMs) {
      sampling?.abort();
      samples.length = readings.length = 0;
      return 0;
    }
    const [accepted, latency, waiting, workers] = await Promise.all([
      metrics.thoughts_accepted_total.get(),
      metrics.http_request_duration_seconds.get(),
      store.waiting(MOST_WAITING),
      heartbeats.present(),
    ]);
    const reading: Reading = {
      at: now(),
      accepted: accepted.values.reduce((sum, { value }) => sum + value, 0),
      latency: countsByBound(latency.values),
      workers,
    };
    // A reading from before the clock went back can't be compared with the present one.
    if (readings.some(({ at }) => at > reading.at)) samples.length = readings.length = 0;
    const minuteAgo = readings.find(({ at }) => at >= reading.at - MINUTE_MS) ?? null;
    const lately = readings.find(({ at }) => at >= reading.at - RATES_OVER_MS) ?? null;
    samples.push({
      at: reading.at,
      accepted: lately && 1_000 * (reading.accepted - lately.accepted) / (reading.at - lately.at),
      processed: lately && processedPerSecond(lately.workers, workers),
      p95: minuteAgo && quantile(0.95, minuteAgo.latency, reading.latency),
      cacheHits: minuteAgo && hitRatio(minuteAgo.workers, workers),
      waiting,
      workers: workers.filter(({ active }) => active).length,
      expectedWorkers: Math.max(1, ...workers.map(({ expected }) => expected)),
      closed: closedGate(workers),
    });
    readings.push(reading);
    if (samples.length > KEPT_SAMPLES) samples.shift();
    if (readings[0]!.at < reading.at - MINUTE_MS) readings.shift();
    return everyMs;
  }

  return {
    read() {
      lookedAt = now();
      if (sampling === undefined || sampling.signal.aborted) {
        sampling = new AbortController();
        repeat("sampling", { log, signal: sampling.signal }, sample);
      }
      return samples;
    },
    [Symbol.dispose]() {
      sampling?.abort();
    },
  };
}

/** A worker that has come or gone between the two readings is left out. */
function inBoth(before: readonly Present[], after: readonly Present[]): [Present, Present][] {
  const earlier = new Map(before.map((worker) => [worker.id, worker]));
  return after.flatMap((worker): [Present, Present][] => {
    const then = earlier.get(worker.id);
    return then === undefined || worker.seenAtMs <= then.seenAtMs ? [] : [[then, worker]];
  });
}

function processedPerSecond(before: readonly Present[], after: readonly Present[]): number {
  return inBoth(before, after).reduce((sum, [then, now]) => {
    const done = now.processed + now.failed - then.processed - then.failed;
    return sum + 1_000 * done / (now.seenAtMs - then.seenAtMs);
  }, 0);
}

/**
 * Closed is what every worker says: one that has not heard yet of a gate that opened must not cover the
 * others.
 */
function closedGate(workers: readonly Present[]): Sample["closed"] {
  const gates = workers.map(({ gate }) => gate);
  if (gates.length === 0 || gates.some(({ status }) => status === "open")) return null;
  const [first] = gates.toSorted((one, other) => (one.since ?? Infinity) - (other.since ?? Infinity));
  return first!.reason === null || first!.since === null
    ? null
    : { reason: first!.reason, since: first!.since };
}

function hitRatio(before: readonly Present[], after: readonly Present[]): number | null {
  let [hits, all] = [0, 0];
  for (const [then, now] of inBoth(before, after)) {
    hits += now.cacheHits - then.cacheHits;
    all += now.cacheHits - then.cacheHits + now.cacheMisses - then.cacheMisses;
  }
  return all === 0 ? null : hits / all;
}
