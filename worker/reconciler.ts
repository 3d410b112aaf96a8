/** The reconciler: finds thoughts whose worker died or whose message was lost, and queues them again. */
import type { Claims } from "../core/store/claims.ts";
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";

/** Thoughts queued again by one look, so that a look stays short; the next one finds the rest. */
const LIMIT = 5_000;

export interface ReconcilerOptions {
  readonly claims: Claims;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Pause between two looks. */
  readonly everyMs: number;
  /** A pending thought's message counts as lost when it has not been handled for this long. */
  readonly lostAfterMs: number;
}

/** Runs until the signal aborts; an outage of the database is waited out. */
export function runReconciler(options: ReconcilerOptions): Promise<void> {
  const { claims, metrics, log, signal, everyMs, lostAfterMs } = options;
  return repeat("reconciler", { log, signal }, async () => {
    const look = await claims.look(null, LIMIT);
    const { waiting: { size: retried }, failed: { size: givenUp } } = await claims.releaseStale(look.stale);
    const lost = await claims.announceAgain(
      look.announced.filter(({ queuedAt }) => Date.now() - Date.parse(queuedAt) > lostAfterMs),
    );
    metrics.batch_processor_requeued_total.inc({ reason: "stale_claim" }, retried);
    metrics.batch_processor_requeued_total.inc({ reason: "lost_message" }, lost);
    metrics.batch_processor_thoughts_failed_total.inc(givenUp);
    if (retried + givenUp + lost > 0) {
      log.warn("thoughts queued again", { stale_claims: retried, given_up: givenUp, lost });
    }
    return everyMs;
  });
}
