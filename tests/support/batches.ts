/** The worker's batch handler over a test's database, a cache in memory and the analyser under test. */
import type { Cache } from "../../core/cache/cache.ts";
import { type Claims, createClaims } from "../../core/store/claims.ts";
import { createStranded, type Stranded } from "../../core/store/stranded.ts";
import type { Database } from "../../core/store/database.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { openMemoryCache } from "../../core/cache/memory.ts";
import { createMetrics, type Metrics } from "../../core/telemetry/metrics.ts";
import { createDeadLetters } from "../../core/store/dead_letters.ts";
import { type ReceivedMessage, THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { createStore, type Insertion, type Store } from "../../core/store/thoughts.ts";
import { createAnalysis } from "../../worker/analysis.ts";
import { createAnalysisCache } from "../../worker/analysis_cache.ts";
import type { Analyser } from "../../worker/analysers/analyser.ts";
import { createLocalAnalyser } from "../../worker/analysers/local.ts";
import { createOpenGate, type Gate } from "../../worker/gate.ts";
import { createHeld, runRenewals } from "../../worker/held.ts";
import { createIntake } from "../../worker/intake.ts";
import { createLanes } from "../../worker/lanes.ts";
import { createSettlement } from "../../worker/settlement.ts";

export interface BatchesOptions {
  readonly analyser?: Analyser;
  readonly cache?: Cache;
  /** @default 2 */
  readonly maxAttempts?: number;
  readonly leaseMs?: number;
  readonly timeoutMs?: number;
  /** @default open */
  readonly gate?: Gate;
  /** Wraps the claims that the handler uses. */
  readonly around?: (claims: Claims) => Claims;
}

export interface Batches {
  readonly store: Store;
  readonly claims: Claims;
  readonly stranded: Stranded;
  readonly metrics: Metrics<"worker">;
  /** Everything logged so far. */
  readonly logged: () => string;
  /** Stores thoughts, whose messages then count as sent. */
  post(...thoughts: Insertion[]): Promise<void>;
  /** Handles messages with these values together. */
  handle(...values: string[]): Promise<void>;
  /** A metric's current value, by its name with its labels. */
  metric(sample: string): Promise<number>;
}

export function startBatches(database: Database, options: BatchesOptions = {}): Batches {
  const { analyser = createLocalAnalyser(), cache = openMemoryCache(60), maxAttempts = 2, leaseMs = 60_000 } =
    options;
  const { timeoutMs = 5_000, gate = createOpenGate({ lanes: 1 }), around = (claims) => claims } = options;
  let logged = "";
  const log = createLogger({ service: "test", write: (lines) => logged += lines });
  const metrics = createMetrics("worker", "0");
  const store = createStore(database);
  const claims = createClaims(database, { leaseMs, maxAttempts });
  const stranded = createStranded(database);
  const held = createHeld();
  const lanes = createLanes({ capacity: analyser.batchSize > 1_000 ? 1_000 : analyser.batchSize });
  let mistake: { readonly error: unknown } | undefined;
  const settlement = createSettlement({
    claims: around(claims),
    held,
    lanes,
    metrics,
    log,
    retryFirstMs: 10,
    onMistake: (error) => mistake = { error },
  });
  const analysis = createAnalysis({
    analyser,
    cache: createAnalysisCache(cache, analyser),
    gate,
    metrics,
    timeoutMs,
    onEnd: settlement.settle,
  });
  const intake = createIntake({
    claims: around(claims),
    deadLetters: createDeadLetters(database),
    lanes,
    gate,
    held,
    analysis,
    metrics,
    log,
  });
  async function handle(messages: ReceivedMessage[]): Promise<void> {
    const renewals = new AbortController();
    const renewing = runRenewals({
      held,
      claims: around(claims),
      leaseMs,
      onLost: (lost) => {
        held.remove(lost);
        lanes.giveBack(1);
        lost.abort?.();
      },
      metrics,
      log,
      signal: renewals.signal,
    });
    for (let at = 0; at < messages.length;) {
      at += await intake(messages.slice(at), new AbortController().signal);
    }
    await lanes.idle();
    renewals.abort();
    await renewing;
    if (mistake !== undefined) throw mistake.error;
  }
  let offset = 0;
  return {
    store,
    claims,
    stranded,
    metrics,
    logged() {
      log.flush();
      return logged;
    },
    async post(...thoughts) {
      await store.insert(thoughts);
      await database.query("delete from outbox");
    },
    handle: (...values) =>
      handle(
        values.map((value): ReceivedMessage => ({
          topic: THOUGHTS_TOPIC,
          position: `${THOUGHTS_TOPIC}/0/${offset++}`,
          value,
          reason: null,
          traceparent: null,
          publishedAt: Date.now(),
        })),
      ),
    async metric(sample) {
      const line = (await metrics.expose()).body.split("\n").find((line) => line.startsWith(`${sample} `));
      return Number(line?.split(" ")[1] ?? 0);
    },
  };
}
