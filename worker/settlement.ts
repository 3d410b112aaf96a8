/** How a batch ends: results stored under their fence, failures queued again or given up, all of it counted. */
import type { Claim, Claims, Completion, Failure } from "../core/store/claims.ts";
import { DatabaseUnavailableError, UnstorableError } from "../core/store/database.ts";
import { backoffMs, pause } from "../core/retry.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { FailureReason, Outcome } from "./analysis.ts";
import type { BatchTrace } from "./batch_trace.ts";

export interface Settlement {
  /**
   * Settles claimed thoughts.
   *
   * @param claimedAt when the batch began, in milliseconds since the epoch
   * @throws {DatabaseUnavailableError} when the database stays away longer than {@link STORE_DEADLINE_MS}
   */
  settle(
    claimed: readonly Claim[],
    outcomes: readonly Outcome[],
    claimedAt: number,
    trace: BatchTrace,
  ): Promise<Counts>;
}

/** What became of the thoughts of a batch. */
export type Counts = Readonly<Record<"completed" | "retried" | "given_up" | "fenced", number>>;

export interface SettlementOptions {
  readonly claims: Claims;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  /** Pause before the second attempt; it doubles with each one, up to {@link RETRY_MAX_MS}. */
  readonly retryFirstMs: number;
}

/** Results are offered to an absent database for this long; after that the thoughts are analysed again. */
const STORE_DEADLINE_MS = 60_000;
/** Below the horizon beyond which no delay is believed (core/store/clock_skew.ts). */
const RETRY_MAX_MS = 60_000;

type FailedClaim = Claim & { readonly reason: FailureReason; readonly error: string };

export function createSettlement({ claims, metrics, log, retryFirstMs }: SettlementOptions): Settlement {
  return {
    async settle(claimed, outcomes, claimedAt, trace) {
      const completions: Completion[] = [];
      const failures: FailedClaim[] = [];
      claimed.forEach((claim, at) => {
        const outcome = outcomes[at]!;
        if (outcome.ok) completions.push({ id: claim.id, attempt: claim.attempt, result: outcome.result });
        else failures.push({ ...claim, reason: outcome.reason, error: outcome.error });
      });

      const startedAt = Date.now();
      const { stored, refused } = await untilStored(() => complete(completions));
      for (const claim of claimed) {
        if (refused.has(claim.id)) failures.push({ ...claim, ...UNSTORABLE });
      }
      const { waiting: retried, failed: givenUp } = failures.length === 0
        ? { waiting: new Set<string>(), failed: new Set<string>() }
        : await untilStored(() => claims.fail(failures.map(toFailure)));
      trace.step("store results", startedAt, {
        "db.system.name": "postgresql",
        "db.operation.name": "UPDATE",
      });

      countCompleted(claimed, stored, claimedAt, trace);
      countFailed(failures, retried, givenUp, trace);
      const fenced = claimed.length - stored.size - retried.size - givenUp.size;
      metrics.batch_processor_fenced_writes_total.inc(fenced);
      return { completed: stored.size, retried: retried.size, given_up: givenUp.size, fenced };
    },
  };

  /** One bulk write; if the database refuses a value, one by one, so that the others get through. */
  async function complete(
    completions: readonly Completion[],
  ): Promise<{ stored: Set<string>; refused: Set<string> }> {
    if (completions.length === 0) return { stored: new Set(), refused: new Set() };
    try {
      return { stored: await (await claims.complete(completions)).stored as Set<string>, refused: new Set() };
    } catch (error) {
      if (!(error instanceof UnstorableError)) throw error;
      if (completions.length === 1) return { stored: new Set(), refused: new Set([completions[0]!.id]) };
    }
    const stored = new Set<string>();
    const refused = new Set<string>();
    for (const completion of completions) {
      const one = await complete([completion]);
      for (const id of one.stored) stored.add(id);
      for (const id of one.refused) refused.add(id);
    }
    return { stored, refused };
  }

  /** Repeating is safe: a write that went through unseen finds its claim settled, and does nothing. */
  async function untilStored<T>(write: () => Promise<T>): Promise<T> {
    const deadline = performance.now() + STORE_DEADLINE_MS;
    for (let failures = 0;; failures++) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError) || performance.now() > deadline) throw error;
        log.warn("results not stored, trying again", { reason: reason(error) });
        await pause(backoffMs(failures, { firstMs: 200, maxMs: 5_000 }));
      }
    }
  }

  function toFailure({ id, attempt, reason, error }: FailedClaim): Failure {
    return {
      id,
      attempt,
      error,
      kind: "charged",
      reason,
      delayMs: backoffMs(attempt - 1, { firstMs: retryFirstMs, maxMs: RETRY_MAX_MS }),
    };
  }

  function countCompleted(
    claimed: readonly Claim[],
    stored: ReadonlySet<string>,
    claimedAt: number,
    trace: BatchTrace,
  ) {
    const now = Date.now();
    metrics.batch_processor_thoughts_processed_total.inc(stored.size);
    for (const { id, acceptedAt } of claimed) {
      if (!stored.has(id)) continue;
      const ids = trace.ids(id);
      const exemplarLabels: Record<string, string> = ids === undefined ? {} : { trace_id: ids.trace_id };
      metrics.batch_processor_processing_duration_seconds.observe({
        value: Math.max(0, now - claimedAt) / 1_000, // the clock may have gone back
        exemplarLabels,
      });
      // The two clocks may differ by a little.
      const endToEnd = Math.max(0, now - acceptedAt) / 1_000;
      metrics.batch_processor_end_to_end_seconds.observe({ value: endToEnd, labels: {}, exemplarLabels });
      if (ids !== undefined) {
        log.info("thought completed", { thought_id: id, ...ids, end_to_end_s: endToEnd });
      }
    }
  }

  function countFailed(
    failures: readonly FailedClaim[],
    retried: ReadonlySet<string>,
    givenUp: ReadonlySet<string>,
    trace: BatchTrace,
  ) {
    metrics.batch_processor_thoughts_failed_total.inc(givenUp.size);
    for (const { id, attempt, reason, error } of failures) {
      trace.fail(id, reason);
      const fields = { thought_id: id, attempt, reason, error, ...trace.ids(id) };
      if (retried.has(id)) {
        metrics.batch_processor_retries_total.inc({ reason });
        log.warn("attempt failed, will be made again", fields);
      } else if (givenUp.has(id)) log.error("thought given up", fields);
    }
  }
}

const UNSTORABLE = {
  reason: "unstorable_result",
  error: "The database refuses the analyser's result",
} as const;
