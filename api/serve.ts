/** The API on a port, over a database that the caller has opened and migrated. */
import { manifest } from "../core/config.ts";
import type { Database } from "../core/store/database.ts";
import { createReadiness } from "../core/health.ts";
import { createHeartbeats } from "../core/store/heartbeats.ts";
import { within } from "../core/deadline.ts";
import { listen } from "../core/listen.ts";
import { observeEventLoop } from "../core/telemetry/event_loop.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { onLinesDropped } from "../core/telemetry/stdout.ts";
import { onSpansDropped } from "../core/telemetry/tracing.ts";
import { createRetention } from "../core/store/retention.ts";
import { createOperator } from "../core/store/operator.ts";
import { createStore } from "../core/store/thoughts.ts";
import { createWebhooks } from "../core/store/webhooks.ts";
import type { AccessOptions } from "./access.ts";
import { createApp, type Limits } from "./app.ts";

export interface ApiOptions {
  readonly database: Database;
  readonly log: Logger;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly limits?: Limits;
  readonly access?: AccessOptions & {
    /** Whether an API without keys may listen on another address than loopback. @default false */
    readonly allowAnonymous?: boolean;
    /** Whether access lines name the caller's address. @default false */
    readonly logAddresses?: boolean;
  };
  /** Hosts that webhooks may reach in a private network. @default none */
  readonly webhookPrivateHosts?: readonly string[];
}

export interface Api extends AsyncDisposable {
  readonly url: string;
  /** Resolves when the server has stopped, asked or not. */
  readonly finished: Promise<void>;
}

/** Requests in progress may take this long to finish once the API is told to stop. */
const DRAIN_MS = 15_000;

/**
 * Starts the API. Disposing it refuses new connections, ends the streams and waits for the requests in
 * progress.
 *
 * @throws {Error} when the port is taken, or when other machines could use the API without a key
 */
export function startApi(options: ApiOptions): Api {
  const { database, log, host, port, limits, access = {}, webhookPrivateHosts = [] } = options;
  requireKeysOrLoopback(host, access);
  const { version } = manifest;
  const store = createStore(database);
  const metrics = createMetrics("api", version);
  const readiness = createReadiness({ database: store.ping }, { log, metrics });
  onLinesDropped((lines) => metrics.log_lines_dropped_total.inc(lines));
  onSpansDropped((reason, count) => metrics.trace_spans_dropped_total.inc({ reason }, count));
  const api = createApp({
    store,
    operator: createOperator(database),
    retention: createRetention(database),
    webhooks: createWebhooks(database),
    webhookPrivateHosts,
    heartbeats: createHeartbeats(database),
    metrics,
    log,
    version,
    readiness,
    access,
    logAddresses: access.logAddresses ?? false,
    ...(limits === undefined ? {} : { limits }),
  });
  const server = listen({
    hostname: host,
    port,
    setting: "API_PORT",
    fetch: api.app.fetch,
    log,
    onFailure: () => metrics.http_accept_failures_total.inc(),
  });
  const eventLoop = observeEventLoop(metrics.app_event_loop_lag_seconds);
  const url = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${server.addr.port}`;
  log.info("listening", { url, database: database.name });
  return {
    url,
    finished: server.finished,
    async [Symbol.asyncDispose]() {
      const closed = server.shutdown();
      eventLoop[Symbol.dispose]();
      await api[Symbol.asyncDispose]();
      await within(DRAIN_MS, "requests under way", closed).catch((error) => {
        log.warn("requests cut off", { reason: error.message });
      });
    },
  };
}

function requireKeysOrLoopback(
  host: string,
  { keys, allowAnonymous = false }: NonNullable<ApiOptions["access"]>,
) {
  const loopback = host === "localhost" || host === "::1" || host.startsWith("127.");
  if (loopback || allowAnonymous || keys !== undefined) return;
  throw new Error(
    `Cannot listen on ${host} without API keys: anyone who can reach it could read every thought. ` +
      "Set API_KEYS_FILE, or ALLOW_ANONYMOUS=true if something else keeps strangers out.",
  );
}
