/** Tells the store every few seconds that this worker is there and what it has done, for the live page. */
import { BEAT_MS, type Heartbeats } from "../core/store/heartbeats.ts";
import { within } from "../core/deadline.ts";
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { GateState } from "./gate.ts";

/** Signing off is a courtesy: a stop waits only briefly for it. */
const LEAVE_MS = 1_000;

export interface HeartbeatOptions {
  readonly heartbeats: Heartbeats;
  readonly metrics: Metrics<"worker">;
  readonly expected: number;
  /** Whether this worker is a live member of the consumer group now. */
  readonly active: () => boolean;
  readonly gate: () => GateState;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Beats until the signal aborts, then deletes this worker's row. */
export async function runHeartbeat(options: HeartbeatOptions): Promise<void> {
  const { heartbeats, metrics, expected, active, gate, log, signal } = options;
  const id = crypto.randomUUID();
  await repeat("heartbeat", { log, signal }, async () => {
    const [processed, failed, cacheHits, cacheMisses] = await Promise.all([
      total(metrics.batch_processor_thoughts_processed_total),
      total(metrics.batch_processor_thoughts_failed_total),
      total(metrics.batch_processor_cache_hits_total),
      total(metrics.batch_processor_cache_misses_total),
    ]);
    const { status, reason, since } = gate();
    const vanished = await heartbeats.beat({
      id,
      active: active(),
      expected,
      processed,
      failed,
      cacheHits,
      cacheMisses,
      gate: { status, reason, since },
    });
    metrics.batch_processor_vanished_workers.set(vanished);
    return BEAT_MS;
  });
  await within(LEAVE_MS, "the database", heartbeats.leave(id)).catch(() => {});
}

type Total = Metrics<"worker">["batch_processor_thoughts_processed_total"];

async function total(counter: Pick<Total, "get">): Promise<number> {
  return (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
}
