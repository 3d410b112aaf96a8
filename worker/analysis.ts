/**
 * The analysis stage: known results from the cache, the others by the analyser; each thought ends
 * independently.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { within } from "../core/deadline.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { Analyser, Usage } from "./analysers/analyser.ts";
import type { AnalysisCache, CachedAnalysis } from "./analysis_cache.ts";
import type { BatchTrace } from "./batch_trace.ts";
import type { Gate } from "./gate.ts";
import type { HeldClaim } from "./held.ts";
import { endingOf, type Outcome, outcomeOf, outcomeOfError } from "./outcome.ts";

export interface Analysis {
  /** Analyses claimed thoughts that have passed the gate, and reports the end of each. Never throws. */
  run(group: readonly HeldClaim[], trace: BatchTrace): Promise<void>;
}

export interface AnalysisOptions {
  readonly analyser: Analyser;
  readonly cache: AnalysisCache;
  readonly gate: Gate;
  readonly metrics: Metrics<"worker">;
  /** An analysis is abandoned after this. */
  readonly timeoutMs: number;
  /** Called once for each claim. */
  readonly onEnd: (held: HeldClaim, outcome: Outcome) => void;
}

/** Claims of thoughts with the same text: one analysis serves them all. */
interface Job {
  readonly key: string;
  readonly claims: readonly [HeldClaim, ...HeldClaim[]];
}

/** Analysers that never wait yield to heartbeats, scrapes and deadlines this often. */
const MAX_TURN_MS = 10;

export function createAnalysis(options: AnalysisOptions): Analysis {
  const { analyser, cache, gate, metrics, timeoutMs, onEnd } = options;
  const jobs: Job[] = [];
  const made = new Map<string, CachedAnalysis>();
  let running = 0;
  /** When an analysis last succeeded, by performance.now(). */
  let lastSuccess = -Infinity;

  return {
    async run(group, trace) {
      const byKey = Map.groupBy(group, ({ claim }) => cache.key(claim));
      const startedAt = Date.now();
      const known = await cache.find([...byKey.keys()]);
      trace.step("look up analyses", startedAt, { "db.system.name": "redis", "db.operation.name": "MGET" });

      let missing = 0;
      let [hits, misses] = [0, 0];
      [...byKey].forEach(([key, claims], at) => {
        const hit = known[at];
        const peoples = claims.filter(({ claim }) => !claim.canary).length;
        misses += hit === undefined ? Math.min(peoples, 1) : 0;
        hits += hit === undefined ? Math.max(peoples - 1, 0) : peoples;
        if (hit === undefined) {
          missing++;
          jobs.push({ key, claims: claims as [HeldClaim, ...HeldClaim[]] });
          return;
        }
        if (hit.cost && peoples > 0) {
          metrics.batch_processor_cost_saved_usd_total.inc(labels(hit.cost), hit.cost.costUsd);
        }
        for (const held of claims) onEnd(held, { ok: true, result: hit.result, fromCache: true });
      });
      metrics.batch_processor_cache_misses_total.inc(misses);
      metrics.batch_processor_cache_hits_total.inc(hits);
      if (group.length > missing) gate.giveBack(group.length - missing);
      while (running < Math.min(analyser.concurrency, running + jobs.length)) void runner();
    },
  };

  /** Takes one job after another until none is left. */
  async function runner(): Promise<void> {
    running++;
    let lastTurn = performance.now();
    for (let job = jobs.shift(); job !== undefined; job = jobs.shift()) {
      const analysed = analyse(job);
      if (analysed instanceof Promise) await analysed;
      if (performance.now() - lastTurn < MAX_TURN_MS) continue;
      await nextTurn();
      lastTurn = performance.now();
    }
    running--;
  }

  /**
   * Stays synchronous when the analyser does: a promise and a timer per thought would cost more than the
   * analysis.
   */
  function analyse(job: Job): void | Promise<void> {
    const wanted = () => job.claims.find(({ state }) => state === "analysing");
    const held = wanted();
    if (held === undefined) return gate.giveBack(1); // lost or released while it waited for its turn
    const { claim, trace } = held;
    const startedAt = performance.now();
    let thrown: unknown;
    const failed = (error: unknown): Outcome => {
      thrown = error;
      // A thought that times out while others succeed is slow itself; "while" reaches back by one deadline,
      // since with one lane nothing else runs meanwhile.
      return outcomeOfError(error, lastSuccess > startedAt - timeoutMs, claim.attempt - claim.charged);
    };
    const attempt = (): Outcome | Promise<Outcome> => {
      const deadline = new AbortController();
      try {
        const analysed = analyser.analyse(claim, deadline.signal);
        if (!(analysed instanceof Promise)) return outcomeOf(analysed.result, analysed.usage);
        for (const one of job.claims) one.abort = () => wanted() ?? deadline.abort();
        return within(timeoutMs, "The analyser", analysed)
          .then(({ result, usage }) => outcomeOf(result, usage), failed)
          .finally(() => deadline.abort());
      } catch (error) {
        return failed(error);
      }
    };
    const finish = (outcome: Outcome): void => {
      if (outcome.ok) lastSuccess = performance.now();
      gate.report(endingOf(outcome, thrown));
      if (job.claims.some(({ claim }) => !claim.canary)) countUsage(outcome.usage);
      if (outcome.ok) {
        remember(job.key, { result: outcome.result, cost: outcome.usage && costOf(outcome.usage) });
      }
      for (const one of job.claims) onEnd(one, outcome);
    };
    const outcome = trace.analysis(claim, analyser, attempt);
    return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
  }

  /**
   * Not awaited: the cache never throws, and has its own deadline. What comes in one turn is written
   * together.
   */
  function remember(key: string, analysis: CachedAnalysis): void {
    made.set(key, analysis);
    if (made.size > 1) return;
    queueMicrotask(() => {
      void cache.remember(new Map(made));
      made.clear();
    });
  }

  function countUsage(usage: Usage | undefined): void {
    if (usage === undefined) return;
    metrics.batch_processor_tokens_total.inc({ ...labels(usage), direction: "input" }, usage.inputTokens);
    metrics.batch_processor_tokens_total.inc({ ...labels(usage), direction: "output" }, usage.outputTokens);
    metrics.batch_processor_cost_usd_total.inc(labels(usage), usage.costUsd);
  }
}

const labels = ({ provider, model }: Pick<Usage, "provider" | "model">) => ({ provider, model });
const costOf = ({ provider, model, costUsd }: Usage) => ({ provider, model, costUsd });
