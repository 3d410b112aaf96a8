/**
 * A worker: relay, consumer, reconciler and gauges over one database, queue and cache, with its metrics and
 * health.
 */
import type { Cache } from "../core/cache/cache.ts";
import { createClaims } from "../core/store/claims.ts";
import type { Config } from "../core/config.ts";
import type { Database } from "../core/store/database.ts";
import { createDeadLetters } from "../core/store/dead_letters.ts";
import { createHeartbeats } from "../core/store/heartbeats.ts";
import { createReadiness } from "../core/health.ts";
import { repeat } from "../core/retry.ts";
import { observeEventLoop } from "../core/telemetry/event_loop.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import { within } from "../core/deadline.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { onLinesDropped } from "../core/telemetry/stdout.ts";
import { onSpansDropped } from "../core/telemetry/tracing.ts";
import { createOutbox } from "../core/store/outbox.ts";
import { parsePostgresAddress } from "../core/store/postgres_address.ts";
import { createStranded } from "../core/store/stranded.ts";
import { createWaitingCounter, readWaiting } from "../core/store/waiting.ts";
import { type Handler, type Queue, QueueMisconfiguredError, type Subscription } from "../core/queue/queue.ts";
import { createAnalysis } from "./analysis.ts";
import { createAnalysisCache } from "./analysis_cache.ts";
import type { Analyser } from "./analysers/analyser.ts";
import { openGate } from "./gate/open.ts";
import { forget, runGauges } from "./gauges.ts";
import { createHeld, type HeldClaim, runRenewals } from "./held.ts";
import { createIntake } from "./intake.ts";
import { createLanes } from "./lanes.ts";
import type { Failed } from "./outcome.ts";
import { startPresence } from "./presence.ts";
import { createOperations } from "./operations.ts";
import { runReconciler } from "./reconciler.ts";
import { startRelay } from "./relay.ts";
import { createRetention } from "../core/store/retention.ts";
import { runRetention } from "./retention.ts";
import { createSettlement } from "./settlement.ts";
import { runSuspects } from "./suspects.ts";
import { createWindow } from "./window.ts";
import { listen } from "../core/listen.ts";

/**
 * A stop waits this long for analyses in progress; with what follows it stays below the process's own
 * deadline.
 */
const STOP_GRACE_MS = 15_000;
/** Then it waits this long for the database to store their results. */
const STORE_GRACE_MS = 5_000;

const STOPPED: Failed = { ok: false, kind: "released", reason: "stopped", error: null };

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
  /** Rejects when the worker can't continue; never resolves. */
  readonly failed: Promise<never>;
  /** The address of its metrics and health. */
  readonly url: string;
}

/**
 * Starts a worker. It serves its health at once and joins the consumer group as soon as it can. Disposing
 * stops the intake, finishes what is held as far as time allows, releases the rest, and leaves the group; the
 * caller keeps database, queue and cache.
 */
export function startWorker(
  { config, version, database, queue, cache, analyser, log }: WorkerOptions,
): Worker {
  const metrics = createMetrics("worker", version);
  onLinesDropped((lines) => metrics.log_lines_dropped_total.inc(lines));
  onSpansDropped((reason, count) => metrics.trace_spans_dropped_total.inc({ reason }, count));
  forget(metrics); // until the store has responded
  metrics.batch_processor_expected_workers.set(config.expectedWorkers);
  if (config.databaseUrl !== undefined) {
    const { database: datname } = parsePostgresAddress(config.databaseUrl);
    metrics.batch_processor_database_info.set({ datname }, 1);
  }
  if (config.databaseSizeLimitMb === 0) metrics.batch_processor_database_size_limit_bytes.remove();
  else metrics.batch_processor_database_size_limit_bytes.set(config.databaseSizeLimitMb * 1e6);
  const { leaseMs, maxAttempts, retryFirstMs, analyserTimeoutMs: timeoutMs } = config;
  const gate = openGate({ config, analyser, database, metrics, log });
  const claims = createClaims(database, { leaseMs, maxAttempts });
  const outbox = createOutbox(database);
  const deadLetters = createDeadLetters(database);
  const heartbeats = createHeartbeats(database);
  const held = createHeld();
  const capacity = Math.min(config.batchSize, analyser.batchSize);
  const lanes = createLanes({ capacity });
  metrics.batch_processor_lanes.set(capacity);
  const settlement = createSettlement({
    claims,
    held,
    lanes,
    metrics,
    log,
    retryFirstMs,
    onMistake: (error) => failure.reject(error),
  });
  const analysisCache = createAnalysisCache(
    cache,
    analyser,
    (kind) => metrics.batch_processor_cache_found_total.inc({ kind }),
  );
  const analysis = createAnalysis({
    analyser,
    cache: analysisCache,
    gate,
    metrics,
    timeoutMs,
    onEnd: settlement.settle,
  });
  const intake = createIntake({ claims, deadLetters, lanes, gate, held, analysis, metrics, log });
  let taken = 0;
  const handler: Handler = async (messages, signal) => {
    const count = await intake(messages, signal);
    taken += count;
    return count;
  };

  const stop = new AbortController();
  const { signal } = stop;
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {}); // the caller handles it; until then it must not end the process

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
    fetch: createOperations({
      metrics,
      readiness,
      active,
      gate: gate.state,
      lanes,
      relay: () => relay,
    }).fetch,
    log,
    onFailure: () => metrics.http_accept_failures_total.inc(),
  });
  const { hostname, port } = server.addr;

  const joining = repeat("joining the queue", { log, signal }, async () => {
    try {
      subscription = await queue.subscribe(handler, Math.min(config.batchSize, analyser.batchSize));
    } catch (error) {
      if (error instanceof QueueMisconfiguredError) failure.reject(error);
      throw error;
    }
    subscription.failed.catch(failure.reject);
    await aborted(signal);
    await subscription[Symbol.asyncDispose]();
    return 0;
  });
  const countWaiting = createWaitingCounter(database);
  const { leads, done: gone } = startPresence({
    heartbeats,
    metrics,
    expected: config.expectedWorkers,
    active,
    gate: gate.state,
    log,
    signal,
  });
  const relay = startRelay({
    outbox,
    deadLetters,
    queue,
    window: createWindow({ queue, capacity, busy: lanes.busy, taken: () => taken }),
    metrics,
    log,
    signal,
    leads,
  });
  const loops = [
    gone,
    relay.done,
    runRetention({
      retention: createRetention(database),
      periods: {
        completedDays: config.retentionCompletedDays,
        failedDays: config.retentionFailedDays,
        idempotencyKeyDays: config.idempotencyKeyDays,
      },
      cache: analysisCache,
      metrics,
      log,
      signal,
      analysisMs: timeoutMs,
      leads,
    }),
    runReconciler({
      stranded: createStranded(database),
      queue,
      metrics,
      log,
      signal,
      everyMs: config.reconcileEveryMs,
      lostAfterMs: config.requeueAfterMs,
      graceMs: leaseMs / 2,
      leads,
    }),
    runGauges({
      waiting: () => leads() ? countWaiting() : readWaiting(database),
      heartbeats,
      metrics,
      log,
      signal,
    }),
    runSuspects({ claims, lanes, gate, held, analysis, log, signal }),
    joining,
  ];
  const emptied = new AbortController();
  const renewing = runRenewals({
    held,
    claims,
    leaseMs,
    metrics,
    log,
    signal: emptied.signal,
    onLost(lost) {
      held.remove(lost);
      lanes.giveBack(1);
      lost.abort?.();
      log.info("claim lost, its analysis is abandoned", { thought_id: lost.claim.id });
    },
  });

  /**
   * Lets analyses in progress finish, for a while; then releases the rest, uncharged, for other workers.
   */
  async function empty(): Promise<void> {
    await within(STOP_GRACE_MS, "The analyser", lanes.idle()).catch(() => {
      const rest = held.all().filter(({ state }) => state === "analysing");
      log.warn("stopping, unfinished thoughts are released", { thoughts: rest.length });
      for (const one of rest) release(one);
    });
    await within(STORE_GRACE_MS, "The database", lanes.idle()).catch((error) =>
      log.error("stopping with unsettled claims", { reason: reason(error), thoughts: held.all().length })
    );
    emptied.abort();
  }

  function release(one: HeldClaim): void {
    settlement.settle(one, STOPPED);
    one.abort?.();
  }

  return {
    failed: failure.promise,
    url: `http://${hostname}:${port}`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      eventLoop[Symbol.dispose]();
      await Promise.all([...loops, empty(), renewing]);
      await gate[Symbol.asyncDispose]();
      await server.shutdown();
    },
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
