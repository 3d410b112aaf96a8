/**
 * The last stage: results stored under their fence, failures announced again or ended, in bulk.
 */
import { backoffMs, pause } from "../core/retry.ts";
import type { Claim, Claims, Completion, Failure, Stored } from "../core/store/claims.ts";
import { DatabaseUnavailableError, UnstorableError } from "../core/store/database.ts";
import type { Ended } from "../core/store/statements.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { OBJECTIVES } from "../core/telemetry/thresholds.ts";
import type { Held, HeldClaim } from "./held.ts";
import { traceLate } from "./late_trace.ts";
import type { Lanes } from "./lanes.ts";
import type { Failed, Outcome } from "./outcome.ts";

export interface Settlement {
  /** Settles a claim soon: at once when it is alone, otherwise with those that have gathered meanwhile. */
  settle(held: HeldClaim, outcome: Outcome): void;
}

export interface SettlementOptions {
  readonly claims: Pick<Claims, "complete" | "fail">;
  readonly held: Held;
  readonly lanes: Lanes;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  /** Pause before the second attempt; it doubles with each one, up to {@link RETRY_MAX_MS}. */
  readonly retryFirstMs: number;
  /** Called when settling fails for a reason other than a database outage: a bug. */
  readonly onMistake: (error: unknown) => void;
}

/** Claims settled by one statement. */
const CHUNK = 1_000;
/** Statements in flight at once: while one waits for the disk, the next is prepared. */
const WRITERS = 2;
/** What took longer than the objective allows keeps its trace at any sampling rate. */
const SLOW_S = OBJECTIVES.completion.withinSeconds;
/** Below the limit on delays (core/store/clock_skew.ts). */
const RETRY_MAX_MS = 60_000;

interface Settling {
  readonly held: HeldClaim;
  readonly outcome: Outcome;
  /** In milliseconds since the epoch. */
  readonly endedAt: number;
}

export function createSettlement(options: SettlementOptions): Settlement {
  const { claims, held: registry, lanes, metrics, log, retryFirstMs, onMistake } = options;
  const gathered: Settling[] = [];
  let writers = 0;

  async function write(): Promise<void> {
    writers++;
    for (let part = gathered.splice(0, CHUNK); part.length > 0; part = gathered.splice(0, CHUNK)) {
      try {
        await store(part);
      } catch (error) {
        onMistake(error);
      }
      for (const { held } of part) {
        held.trace.end(held.claim.id);
        registry.remove(held);
      }
      lanes.settled(part.length);
    }
    writers--;
  }

  async function store(part: readonly Settling[]): Promise<void> {
    const startedAt = Date.now();
    const completed: HeldClaim[] = [];
    const completions: Completion[] = [];
    const failures = new Map<string, Failed>();
    for (const { held, outcome, endedAt } of part) {
      const { id, attempt } = held.claim;
      if (!outcome.ok) failures.set(id, outcome);
      else {
        completed.push(held);
        const { result, fromCache = false } = outcome;
        completions.push({ id, attempt, result, analysedAt: endedAt, fromCache });
      }
    }
    const { stored, fenced, refused } = await complete(completions);
    for (const id of refused) failures.set(id, UNSTORABLE);
    const failing = part.map(({ held }) => held).filter(({ claim }) => failures.has(claim.id));
    const ended = await fail(failing.map(({ claim }) => toFailure(claim, failures.get(claim.id)!)));
    for (const { held } of part) {
      held.trace.stepOf(held.claim.id, "store results", startedAt, {
        "db.system.name": "postgresql",
        "db.operation.name": "UPDATE",
      });
    }
    metrics.batch_processor_fenced_writes_total.inc(fenced.size);
    countCompleted(completed, stored);
    for (const held of failing) {
      countFailed(held, failures.get(held.claim.id)!, ended);
      held.trace.fail(held.claim.id, failures.get(held.claim.id)!.reason);
    }
    log.info("settled", {
      completed: stored.size,
      waiting: ended.waiting.size,
      failed: ended.failed.size,
      fenced: fenced.size,
      ms: Date.now() - startedAt,
    });
  }

  async function complete(completions: readonly Completion[]): Promise<Stored & { refused: Set<string> }> {
    const stored = new Set<string>();
    const fenced = new Set<string>();
    const refused = await byHalves(completions, async (part) => {
      const done = await untilStored(() => claims.complete(part));
      done.stored.forEach((id) => stored.add(id));
      done.fenced.forEach((id) => fenced.add(id));
    });
    return { stored, fenced, refused: new Set(refused.map(({ id }) => id)) };
  }

  async function fail(failures: readonly Failure[]): Promise<Ended> {
    const waiting = new Set<string>();
    const failed = new Set<string>();
    const refused = await byHalves(failures, async (part) => {
      const ended = await untilStored(() => claims.fail(part));
      ended.waiting.forEach((id) => waiting.add(id));
      ended.failed.forEach((id) => failed.add(id));
    });
    for (const { id } of refused) log.error("the database refuses a thought's failure", { thought_id: id });
    return { waiting, failed };
  }

  /**
   * Retries a write until the database accepts it: the claims are held meanwhile, and full lanes stop the
   * intake. Repeating is safe: a write that succeeded unnoticed finds its claim settled, and does nothing.
   */
  async function untilStored<T>(write: () => Promise<T>): Promise<T> {
    for (let failures = 0;; failures++) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof DatabaseUnavailableError)) throw error;
        log.warn("results not stored, trying again", { reason: reason(error) });
        await pause(backoffMs(failures, { firstMs: 200, maxMs: 5_000 }));
      }
    }
  }

  function toFailure({ id, attempt, charged }: Claim, { kind, error, reason, delayMs }: Failed): Failure {
    const delay = delayMs ??
      (reason === "stopped"
        ? 0
        : backoffMs(kind === "released" ? 0 : charged - 1, { firstMs: retryFirstMs, maxMs: RETRY_MAX_MS }));
    return { id, attempt, error, kind, reason, delayMs: delay };
  }

  function countCompleted(completed: readonly HeldClaim[], stored: ReadonlySet<string>) {
    const now = Date.now();
    for (const held of completed) {
      const { claim: { id, acceptedAt, priority, canary }, claimedAt, trace } = held;
      if (!stored.has(id)) continue;
      // The two clocks may differ by a little.
      const endToEnd = Math.max(0, now - acceptedAt) / 1_000;
      const ids = trace.ids(id) ?? (endToEnd > SLOW_S ? traceLate(held, { endedAt: now }) : undefined);
      if (ids !== undefined) {
        log.info("thought completed", { thought_id: id, ...ids, end_to_end_s: endToEnd });
      }
      if (canary) {
        metrics.batch_processor_canary_thoughts_total.inc({ outcome: "completed" });
        continue;
      }
      metrics.batch_processor_thoughts_processed_total.inc();
      const exemplarLabels: Record<string, string> = ids === undefined ? {} : { trace_id: ids.trace_id };
      metrics.batch_processor_processing_duration_seconds.observe({
        value: Math.max(0, now - claimedAt) / 1_000, // the clock may have gone back
        exemplarLabels,
      });
      metrics.batch_processor_end_to_end_seconds.observe({
        value: endToEnd,
        labels: { priority },
        exemplarLabels,
      });
    }
  }

  function countFailed(held: HeldClaim, { kind, reason, error }: Failed, ended: Ended) {
    const { id, attempt, canary } = held.claim;
    const matters = ended.failed.has(id) || ended.waiting.has(id) && kind !== "released";
    const ids = held.trace.ids(id) ??
      (matters ? traceLate(held, { endedAt: Date.now(), reason }) : undefined);
    const fields = { thought_id: id, attempt, reason, error, ...ids };
    if (ended.failed.has(id)) {
      if (canary) metrics.batch_processor_canary_thoughts_total.inc({ outcome: "failed" });
      else metrics.batch_processor_thoughts_failed_total.inc();
      log.error("thought given up", fields);
    } else if (!ended.waiting.has(id)) {
      // Or it was deleted, or an earlier write succeeded unnoticed.
      log.info("claim lost, its failure is not stored", { thought_id: id });
    } else if (kind === "released") {
      if (!canary) metrics.batch_processor_released_total.inc({ reason });
    } else {
      if (!canary) metrics.batch_processor_retries_total.inc({ reason });
      log.warn("attempt failed, will be retried", fields);
    }
  }

  return {
    settle(held, outcome) {
      if (held.state !== "analysing") return;
      held.state = "settling";
      gathered.push({ held, outcome, endedAt: Date.now() });
      lanes.analysed();
      // Analysers that never wait finish many in one turn: these are settled together.
      if (writers < WRITERS && gathered.length === 1) queueMicrotask(() => void write());
    },
  };
}

/**
 * Writes all together; if the database refuses a value, finds it by bisection to let the others through.
 */
async function byHalves<T>(items: readonly T[], write: (part: readonly T[]) => Promise<void>): Promise<T[]> {
  if (items.length === 0) return [];
  try {
    await write(items);
    return [];
  } catch (error) {
    if (!(error instanceof UnstorableError)) throw error;
    if (items.length === 1) return [items[0]!];
  }
  const half = items.length >> 1;
  return [...await byHalves(items.slice(0, half), write), ...await byHalves(items.slice(half), write)];
}

const UNSTORABLE: Failed = {
  ok: false,
  kind: "charged",
  reason: "unstorable_result",
  error: "The database refuses the analyser's result",
};
