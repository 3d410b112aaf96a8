/** Tells the store every few seconds that this worker is there and what it has done, and learns whether it leads. */
import { BEAT_MS, type Heartbeats } from "../core/store/heartbeats.ts";
import { within } from "../core/deadline.ts";
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { GateState } from "./gate.ts";

/** Signing off is a courtesy: a stop waits only briefly for it. */
const LEAVE_MS = 1_000;

export interface PresenceOptions {
  readonly heartbeats: Heartbeats;
  readonly metrics: Metrics<"worker">;
  readonly expected: number;
  /** Whether this worker is a live member of the consumer group now. */
  readonly active: () => boolean;
  readonly gate: () => GateState;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Presence {
  /**
   * Whether this worker does what one does for all: counting, reconciling, pruning. It presumes so until the
   * store has told it. Two that do for a moment repeat each other's work, and do no harm.
   */
  leads(): boolean;
  /** Resolves once the signal has aborted and this worker's row is deleted. */
  readonly done: Promise<void>;
}

/** Beats until the signal aborts. */
export function startPresence(options: PresenceOptions): Presence {
  const { heartbeats, metrics, expected, active, gate, log, signal } = options;
  const id = crypto.randomUUID();
  let leads = true;

  const beating = repeat("heartbeat", { log, signal }, async () => {
    const [processed, failed, cacheHits, cacheMisses] = await Promise.all([
      total(metrics.batch_processor_thoughts_processed_total),
      total(metrics.batch_processor_thoughts_failed_total),
      total(metrics.batch_processor_cache_hits_total),
      total(metrics.batch_processor_cache_misses_total),
    ]);
    const { status, reason, since } = gate();
    const others = await heartbeats.beat({
      id,
      active: active(),
      expected,
      processed,
      failed,
      cacheHits,
      cacheMisses,
      gate: { status, reason, since },
    });
    ({ leads } = others);
    metrics.batch_processor_vanished_workers.set(others.vanished);
    return BEAT_MS;
  });
  const done = beating.then(() => within(LEAVE_MS, "the database", heartbeats.leave(id)).catch(() => {}));
  return { leads: () => leads, done };
}

type Total = Metrics<"worker">["batch_processor_thoughts_processed_total"];

async function total(counter: Pick<Total, "get">): Promise<number> {
  return (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
}
