/**
 * Two loops: one deletes what is past its retention period, the other evicts deleted thoughts' analyses from
 * the cache.
 */
import { repeat } from "../core/retry.ts";
import type { Retention, RetentionPeriods } from "../core/store/retention.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { AnalysisCache } from "./analysis_cache.ts";

/** Rows of each kind deleted by one statement: too few to keep a write waiting. */
const CHUNK = 500;
/** Pause after a full round, and after one that found the end. */
const BUSY_MS = 1_000;
const IDLE_MS = 60_000;

/** How often deleted thoughts are polled. */
const EVICT_EVERY_MS = 5_000;
/** The time from the end of an analysis to its cache entry, plus the time between two polls. */
const EVICT_MARGIN_MS = 30_000;

export interface RetentionOptions {
  readonly retention: Pick<Retention, "prune" | "overdueS" | "evictions">;
  readonly periods: RetentionPeriods;
  readonly cache: Pick<AnalysisCache, "forget">;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /**
   * How long an analysis may take, in milliseconds. Evictions are repeated for as long: an analysis in
   * progress when its thought was deleted still reaches the cache.
   */
  readonly analysisMs: number;
  /** Whether this worker prunes and evicts for all. */
  readonly leads: () => boolean;
}

/** Runs until the signal aborts; survives outages of the database. */
export async function runRetention(options: RetentionOptions): Promise<void> {
  const { retention, periods, cache, metrics, log, signal, analysisMs, leads } = options;
  const overdue = metrics.batch_processor_retention_overdue_seconds;
  const kept = Object.values(periods).every((days) => days === 0);

  const pruning = repeat("retention", { log, signal, maxBackoffMs: IDLE_MS }, async () => {
    if (!leads()) {
      overdue.remove();
      return BUSY_MS;
    }
    // Also when it fails, which is what the alert RetentionBehind is there for.
    const { completed, failed, idempotencyKeys } = await retention.prune(periods, CHUNK).finally(measure);
    for (
      const [kind, count] of [["completed", completed], ["failed", failed], [
        "idempotency_key",
        idempotencyKeys,
      ]] as const
    ) {
      metrics.batch_processor_pruned_total.inc({ kind }, count);
    }
    const most = Math.max(completed, failed, idempotencyKeys);
    if (most > 0) {
      log.info("past their retention period, deleted", {
        completed,
        failed,
        idempotency_keys: idempotencyKeys,
      });
    }
    return most === CHUNK ? BUSY_MS : IDLE_MS;
  });

  const evicting = repeat("forgetting", { log, signal }, async () => {
    if (leads()) await cache.forget(await retention.evictions(analysisMs + EVICT_MARGIN_MS));
    return EVICT_EVERY_MS;
  });

  await Promise.all([pruning, evicting]);

  async function measure(): Promise<void> {
    try {
      overdue.set(kept ? 0 : await retention.overdueS(periods));
    } catch (error) {
      overdue.remove();
      throw error;
    }
  }
}
