/** The gauges that tell how much waits; the store is asked on a beat of its own, never by a scrape. */
import type { Claims } from "../core/store/claims.ts";
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { FAILURE_REASONS } from "./analysis.ts";
import { HIT_KINDS } from "./analysis_cache.ts";
import { GATE_REASONS, type GateState } from "./gate.ts";

/** Three times in a scrape interval of 15 s. */
const EVERY_MS = 5_000;

export interface GaugesOptions {
  readonly claims: Claims;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Keeps the gauges current until the signal aborts. While the store does not answer they stay as they were. */
export function runGauges({ claims, metrics, log, signal }: GaugesOptions): Promise<void> {
  return repeat("gauges", { log, signal }, async () => {
    const { thoughts, oldestS, outbox } = await claims.waiting();
    metrics.batch_processor_queue_size.set(thoughts.interactive + thoughts.batch);
    metrics.batch_processor_oldest_waiting_seconds.set(Math.max(oldestS.interactive, oldestS.batch));
    metrics.batch_processor_outbox_size.set(outbox);
    return EVERY_MS;
  });
}

/** Shows the gate as it is now. */
export function showGate(metrics: Metrics<"worker">, { reason: closedFor, since, limit }: GateState): void {
  for (const reason of GATE_REASONS) {
    metrics.batch_processor_gate_closed.set({ reason }, reason === closedFor ? 1 : 0);
  }
  metrics.batch_processor_gate_closed_timestamp_seconds.set(since === null ? 0 : since / 1_000);
  metrics.batch_processor_gate_lanes.set(limit);
}

/** Sets every label known in advance to 0, so that rates and ratios are never missing. */
export function initialiseLabels(metrics: Metrics<"worker">): void {
  for (const reason of FAILURE_REASONS) metrics.batch_processor_retries_total.inc({ reason }, 0);
  for (const kind of HIT_KINDS) metrics.batch_processor_cache_found_total.inc({ kind }, 0);
  for (const reason of ["malformed", "unknown", "duplicate"]) {
    metrics.batch_processor_messages_skipped_total.inc({ reason }, 0);
  }
  for (const reason of ["stale_claim", "lost_message"]) {
    metrics.batch_processor_requeued_total.inc({ reason }, 0);
  }
}
