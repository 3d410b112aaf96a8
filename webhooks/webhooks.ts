/** Delivering webhooks over a database, with metrics and health on a port. */
import type { Config } from "../core/config.ts";
import { createReadiness } from "../core/health.ts";
import { listen, type Listener } from "../core/listen.ts";
import type { Database } from "../core/store/database.ts";
import { createDeliveries } from "../core/store/deliveries.ts";
import { observeEventLoop } from "../core/telemetry/event_loop.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { createMetrics, type Metrics } from "../core/telemetry/metrics.ts";
import { onLinesDropped } from "../core/telemetry/stdout.ts";
import { onSpansDropped } from "../core/telemetry/tracing.ts";
import { runDeliverer } from "./deliverer.ts";
import { createOperations } from "./operations.ts";
import { createSend } from "./request.ts";

export interface WebhooksOptions {
  readonly config: Config;
  readonly version: string;
  readonly database: Database;
  readonly log: Logger;
  /** Whether metrics and health are served, as in a process of its own. */
  readonly serve: boolean;
}

export interface Webhooks extends AsyncDisposable {
  /** The address of its metrics and health; undefined where they are not served. */
  readonly url: string | undefined;
}

/**
 * Starts to deliver. Disposing it takes no further events, and waits for the requests in progress.
 *
 * @throws {Error} when the port is taken
 */
export function startWebhooks({ config, version, database, log, serve }: WebhooksOptions): Webhooks {
  const metrics = createMetrics("webhooks", version);
  const stop = new AbortController();
  const server = serve ? listenOn(config, metrics, database, log) : undefined;
  const delivering = runDeliverer({
    deliveries: createDeliveries(database),
    send: createSend({
      privateHosts: config.webhookPrivateHosts,
      timeoutMs: config.webhookTimeoutMs,
      ca: config.webhookCaFile === undefined ? undefined : Deno.readTextFileSync(config.webhookCaFile),
      userAgent: `thought-processor/${version}`,
    }),
    metrics,
    log,
    signal: stop.signal,
    timeoutMs: config.webhookTimeoutMs,
    requestsPerHost: config.webhookRequestsPerHost,
    retryFirstMs: config.webhookRetryFirstMs,
    giveUpAfterMs: config.webhookGiveUpAfterS * 1_000,
  });
  return {
    url: server && `http://${server.addr.hostname}:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await delivering;
      await server?.shutdown();
      server?.[Symbol.dispose]();
    },
  };
}

function listenOn(
  config: Config,
  metrics: Metrics<"webhooks">,
  database: Database,
  log: Logger,
): Listener & Disposable {
  onLinesDropped((lines) => metrics.log_lines_dropped_total.inc(lines));
  onSpansDropped((reason, count) => metrics.trace_spans_dropped_total.inc({ reason }, count));
  const eventLoop = observeEventLoop(metrics.app_event_loop_lag_seconds);
  const readiness = createReadiness({ database: database.ping }, { log, metrics });
  const server = listen({
    hostname: config.webhooksHost,
    port: config.webhooksPort,
    setting: "WEBHOOKS_PORT",
    fetch: createOperations({ metrics, readiness }).fetch,
    log,
    onFailure: () => metrics.http_accept_failures_total.inc(),
  });
  return { ...server, [Symbol.dispose]: () => eventLoop[Symbol.dispose]() };
}
