/** A worker: relay, consumer, reconciler and gauges over one database, queue and cache, with its metrics and health. */
import type { Cache } from "../core/cache/cache.ts";
import { createClaims } from "../core/store/claims.ts";
import type { Config } from "../core/config.ts";
import type { Database } from "../core/store/database.ts";
import { createDeadLetters } from "../core/store/dead_letters.ts";
import { createHeartbeats } from "../core/store/heartbeats.ts";
import { createReadiness } from "../core/health.ts";
import { pause, repeat } from "../core/retry.ts";
import { observeEventLoop } from "../core/telemetry/event_loop.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { onSpansDropped } from "../core/telemetry/tracing.ts";
import { createOutbox } from "../core/store/outbox.ts";
import type { Queue, Subscription } from "../core/queue/queue.ts";
import { createAnalysis } from "./analysis.ts";
import { createAnalysisCache } from "./analysis_cache.ts";
import type { Analyser } from "./analysers/analyser.ts";
import { createBatchHandler } from "./batch.ts";
import { openGate } from "./gate/open.ts";
import { initialiseLabels, runGauges } from "./gauges.ts";
import { runHeartbeat } from "./presence.ts";
import { createOperations } from "./operations.ts";
import { runReconciler } from "./reconciler.ts";
import { runRelay } from "./relay.ts";
import { createSettlement } from "./settlement.ts";
import { listen } from "../core/listen.ts";

export interface WorkerOptions {
  readonly config: Config;
  readonly version: string;
  readonly database: Database;
  readonly queue: Queue;
  readonly cache: Cache;
  readonly analyser: Analyser;
  readonly log: Logger;
}

export interface Worker extends AsyncDisposable {
  /** Rejects when the worker can't go on; never resolves. */
  readonly failed: Promise<never>;
  /** Where its metrics and health are. */
  readonly url: string;
}

/**
 * Starts a worker. It serves its health at once and joins the consumer group as soon as the queue lets it. Disposing
 * stops taking work, finishes what is held, and leaves the group; database, queue and cache stay the caller's.
 */
export function startWorker(
  { config, version, database, queue, cache, analyser, log }: WorkerOptions,
): Worker {
  const metrics = createMetrics("worker", version);
  onSpansDropped((reason, count) => metrics.trace_spans_dropped_total.inc({ reason }, count));
  initialiseLabels(metrics);
  metrics.batch_processor_expected_workers.set(config.expectedWorkers);
  const { leaseMs, maxAttempts, retryFirstMs, analyserTimeoutMs: timeoutMs } = config;
  const gate = openGate({ config, analyser, database, metrics, log });
  const claims = createClaims(database, { leaseMs, maxAttempts });
  const outbox = createOutbox(database);
  const deadLetters = createDeadLetters(database);
  const handler = createBatchHandler({
    claims,
    deadLetters,
    analysis: createAnalysis({
      analyser,
      cache: createAnalysisCache(
        cache,
        analyser,
        (kind) => metrics.batch_processor_cache_found_total.inc({ kind }),
      ),
      metrics,
      timeoutMs,
    }),
    settlement: createSettlement({ claims, metrics, log, retryFirstMs }),
    metrics,
    log,
    leaseMs,
  });

  const stop = new AbortController();
  const { signal } = stop;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {}); // whoever starts the worker listens; before that it must not end the process

  let subscription: Subscription | undefined;
  const active = () => subscription?.active() ?? false;
  const readiness = createReadiness({
    database: database.ping,
    queue: () => queue.ping(),
    cache: () => cache.ping(),
  }, { log, metrics, optional: ["cache"] });
  const eventLoop = observeEventLoop(metrics.app_event_loop_lag_seconds);
  const server = listen({
    hostname: config.workerHost,
    port: config.workerPort,
    setting: "WORKER_PORT",
    fetch: createOperations({ metrics, readiness, active, gate: gate.state }).fetch,
    log,
    onFailure: () => metrics.http_accept_failures_total.inc(),
  });
  const { hostname, port } = server.addr;

  const joining = repeat("joining the queue", { log, signal }, async () => {
    subscription = await queue.subscribe(handler, Math.min(config.batchSize, analyser.batchSize));
    subscription.failed.catch(failure.reject);
    await pause(2 ** 31 - 1, signal);
    await subscription[Symbol.asyncDispose]();
    return 0;
  });
  const loops = [
    runRelay({ outbox, deadLetters, queue, metrics, log, signal }),
    runReconciler({
      claims,
      metrics,
      log,
      signal,
      everyMs: config.reconcileEveryMs,
      lostAfterMs: config.requeueAfterMs,
    }),
    runGauges({ claims, metrics, log, signal }),
    runHeartbeat({
      heartbeats: createHeartbeats(database),
      metrics,
      expected: config.expectedWorkers,
      active,
      gate: gate.state,
      log,
      signal,
    }),
    joining,
  ];

  return {
    failed: failure.promise,
    url: `http://${hostname}:${port}`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      eventLoop[Symbol.dispose]();
      await Promise.all(loops);
      await gate[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}
