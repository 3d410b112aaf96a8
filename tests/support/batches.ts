/** The worker's batch handler over a test's database, a cache in memory and the analyser under test. */
import type { Cache } from "../../core/cache/cache.ts";
import { type Claims, createClaims } from "../../core/store/claims.ts";
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
import { createBatchHandler } from "../../worker/batch.ts";
import { createSettlement } from "../../worker/settlement.ts";

export interface BatchesOptions {
  readonly analyser?: Analyser;
  readonly cache?: Cache;
  /** @default 2 */
  readonly maxAttempts?: number;
  readonly leaseMs?: number;
  readonly timeoutMs?: number;
  /** Wraps the claims that the handler uses. */
  readonly around?: (claims: Claims) => Claims;
}

export interface Batches {
  readonly store: Store;
  readonly claims: Claims;
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
  const { timeoutMs = 5_000, around = (claims) => claims } = options;
  let logged = "";
  const log = createLogger({ service: "test", write: (lines) => logged += lines });
  const metrics = createMetrics("worker", "0");
  const store = createStore(database);
  const claims = createClaims(database, { leaseMs, maxAttempts });
  const handler = createBatchHandler({
    claims: around(claims),
    deadLetters: createDeadLetters(database),
    analysis: createAnalysis({ analyser, cache: createAnalysisCache(cache, analyser), metrics, timeoutMs }),
    settlement: createSettlement({ claims: around(claims), metrics, log, retryFirstMs: 10 }),
    metrics,
    log,
    leaseMs,
  });
  let offset = 0;
  return {
    store,
    claims,
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
      handler(
        values.map((value): ReceivedMessage => ({
          topic: THOUGHTS_TOPIC,
          position: `${THOUGHTS_TOPIC}/0/${offset++}`,
          value,
          reason: null,
          traceparent: null,
        })),
        () => false,
      ),
    async metric(sample) {
      const line = (await metrics.expose()).body.split("\n").find((line) => line.startsWith(`${sample} `));
      return Number(line?.split(" ")[1] ?? 0);
    },
  };
}
