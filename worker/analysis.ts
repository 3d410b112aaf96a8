/** The analyses of a batch: known ones from the cache, the others made by the analyser and remembered. */
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Claim } from "../core/store/claims.ts";
import { DeadlineError, within } from "../core/deadline.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { ResultSchema } from "../core/result.ts";
import { type Analyser, AnalysisError, type Usage } from "./analysers/analyser.ts";
import type { AnalysisCache, CachedAnalysis } from "./analysis_cache.ts";
import type { BatchTrace } from "./batch_trace.ts";

/** How an analysis went; a result is JSON, written once for store and cache. The words of a failure hold no thought text. */
export type Outcome =
  | { readonly ok: true; readonly result: string; readonly usage?: Usage | undefined }
  | {
    readonly ok: false;
    readonly reason: FailureReason;
    readonly error: string;
    readonly usage?: Usage | undefined;
  };

/** Why an attempt failed; the label of `batch_processor_retries_total`. */
export const FAILURE_REASONS = [
  "analyser_error",
  "analyser_timeout",
  "invalid_result",
  "unstorable_result",
] as const;
export type FailureReason = (typeof FAILURE_REASONS)[number];

export interface Analysis {
  /** Analyses claimed thoughts; outcomes come in their order. Never throws. */
  run(claimed: readonly Claim[], trace: BatchTrace): Promise<Outcome[]>;
}

export interface AnalysisOptions {
  readonly analyser: Analyser;
  readonly cache: AnalysisCache;
  readonly metrics: Metrics<"worker">;
  /** An analysis is given up after this. */
  readonly timeoutMs: number;
}

export function createAnalysis({ analyser, cache, metrics, timeoutMs }: AnalysisOptions): Analysis {
  return {
    async run(claimed, trace) {
      const keys = claimed.map((claim) => cache.key(claim));
      const firsts = new Map(
        claimed.toReversed().map((claim, at) => [keys[claimed.length - 1 - at]!, claim]),
      );

      const startedAt = Date.now();
      const known = await cache.find([...firsts.keys()]);
      trace.step("look up analyses", startedAt, { "db.system.name": "redis", "db.operation.name": "MGET" });

      const outcomes = new Map<string, Outcome>();
      const missing = new Map<string, Claim>();
      [...firsts].forEach(([key, claim], at) => {
        const hit = known[at];
        if (hit === undefined) missing.set(key, claim);
        else {
          outcomes.set(key, { ok: true, result: hit.result });
          if (hit.cost) {
            metrics.batch_processor_cost_saved_usd_total.inc(costLabels(hit.cost), hit.cost.costUsd);
          }
        }
      });
      metrics.batch_processor_cache_misses_total.inc(missing.size);
      metrics.batch_processor_cache_hits_total.inc(claimed.length - missing.size);

      await analyse(missing, outcomes, trace);
      // Not waited for: the results are stored meanwhile. It never throws, and takes no longer than the cache allows.
      void remember(missing, outcomes);
      return keys.map((key) => outcomes.get(key)!);
    },
  };

  /** Several lanes share one iterator: each takes the next thought as soon as it is free. */
  async function analyse(
    missing: ReadonlyMap<string, Claim>,
    outcomes: Map<string, Outcome>,
    trace: BatchTrace,
  ) {
    const queue = missing.entries();
    let lastTurn = performance.now();
    const lane = async () => {
      for (const [key, claim] of queue) {
        const outcome = trace.analysis(claim, analyser, () => analyseOne(analyser, claim, timeoutMs));
        outcomes.set(key, outcome instanceof Promise ? await outcome : outcome);
        if (performance.now() - lastTurn < MAX_TURN_MS) continue;
        await nextTurn();
        lastTurn = performance.now();
      }
    };
    await Promise.all(Array.from({ length: Math.min(analyser.concurrency, missing.size) }, lane));
  }

  function remember(missing: ReadonlyMap<string, Claim>, outcomes: ReadonlyMap<string, Outcome>) {
    const made = new Map<string, CachedAnalysis>();
    for (const key of missing.keys()) {
      const outcome = outcomes.get(key)!;
      countUsage(outcome.usage);
      if (outcome.ok) made.set(key, { result: outcome.result, cost: outcome.usage && costOf(outcome.usage) });
    }
    return cache.remember(made);
  }

  function countUsage(usage: Usage | undefined) {
    if (usage === undefined) return;
    const labels = costLabels(usage);
    metrics.batch_processor_tokens_total.inc({ ...labels, direction: "input" }, usage.inputTokens);
    metrics.batch_processor_tokens_total.inc({ ...labels, direction: "output" }, usage.outputTokens);
    metrics.batch_processor_cost_usd_total.inc(labels, usage.costUsd);
  }
}

/** Analysers that never wait give way to heartbeats, scrapes and deadlines this often. */
const MAX_TURN_MS = 10;

const costLabels = ({ provider, model }: Pick<Usage, "provider" | "model">) => ({ provider, model });
const costOf = ({ provider, model, costUsd }: Usage) => ({ provider, model, costUsd });

/** Stays synchronous when the analyser does: a promise and a timer per thought would cost more than the analysis. */
function analyseOne(analyser: Analyser, claim: Claim, timeoutMs: number): Outcome | Promise<Outcome> {
  const deadline = new AbortController();
  try {
    const analysed = analyser.analyse(claim, deadline.signal);
    if (!(analysed instanceof Promise)) return check(analysed.result, analysed.usage);
    return within(timeoutMs, "The analyser", analysed)
      .then(({ result, usage }) => check(result, usage), failed)
      .finally(() => deadline.abort());
  } catch (error) {
    return failed(error);
  }
}

function check(result: unknown, usage: Usage | undefined): Outcome {
  const checked = ResultSchema.safeParse(result);
  if (checked.success) return { ok: true, result: JSON.stringify(checked.data), usage };
  const where = checked.error.issues[0]?.path.join(".") || "as a whole";
  return {
    ok: false,
    reason: "invalid_result",
    error: `The analyser's result is not valid (${where})`,
    usage,
  };
}

function failed(error: unknown): Outcome {
  if (error instanceof DeadlineError) return { ok: false, reason: "analyser_timeout", error: error.message };
  if (error instanceof AnalysisError) {
    return { ok: false, reason: "analyser_error", error: error.message, usage: error.usage };
  }
  const kind = error instanceof Error ? error.name : typeof error;
  return { ok: false, reason: "analyser_error", error: `The analyser failed (${kind})` };
}
