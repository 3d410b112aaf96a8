/** Observes every request: metrics by route pattern, a named span, an access line, and an id to refer to. */
import type { Context, MiddlewareHandler } from "hono";
import { matchedRoutes } from "hono/route";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import {
  endSpan,
  exemplarOf,
  failSpan,
  isRecorded,
  openServerSpan,
  runInSpan,
  setAttributes,
  type Span,
} from "../core/telemetry/tracing.ts";
import { BAD_HOST_PATH } from "./host.ts";
import type { Grant } from "./keys.ts";

/** What Hono's context passes from middleware to handlers and errors. */
export interface Env {
  Variables: {
    /** Links a response to its log line: the trace's id, or one of our own if nothing is traced. */
    ids: { readonly trace_id: string } | { readonly request_id: string };
    /** What the caller's API key grants, if there are keys. */
    grant?: Grant;
    /** The path at which a reverse proxy serves the API, such as `/thoughts-api`; unset at its root. */
    prefix?: string;
    /** Set by a handler whose response continues after it returned: when that ends. */
    streaming?: Promise<void>;
  };
}

/** A route as the OpenAPI document declares it. */
export interface DeclaredRoute {
  readonly method: string;
  /** Hono's pattern: `/thoughts/:id`. */
  readonly path: string;
  readonly statuses: readonly number[];
}

/** Any path that no route matches. One value: scanners can't create label values. */
const UNMATCHED = "unmatched";
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);
/** Polled by machines and the live page; their lines would drown the others. */
const QUIET = /^\/(metrics|samples|health\/|live\/)/;

/** A request that took longer than this keeps its span at any sampling rate, in seconds. */
const SLOW_S = 1;

export interface ObserveOptions {
  readonly metrics: Metrics<"api">;
  readonly log: Logger;
  /** The caller's address for the access line. @default none */
  readonly addressOf?: ((c: Context) => string) | undefined;
}

/**
 * Observes every request. A stream counts as a completed request when it starts, and as in progress until it
 * ends.
 */
export function observe({ metrics, log, addressOf }: ObserveOptions): MiddlewareHandler<Env> {
  const {
    http_requests_total: requests,
    http_request_duration_seconds: durations,
    http_requests_inprogress: inProgress,
  } = metrics;

  return async (c, next) => {
    const started = performance.now();
    const method = METHODS.has(c.req.method) ? c.req.method : "OTHER";
    const pattern = matchedRoutes(c).at(-1)?.path ?? "/*";
    const route = pattern === "/*" || pattern === BAD_HOST_PATH ? UNMATCHED : pattern;
    const name = route === UNMATCHED ? method : `${method} ${route}`;
    const span = openServerSpan(name, c.req.header("traceparent"));
    if (span !== undefined) {
      const { traceId } = span.ids;
      c.set("ids", { trace_id: traceId });
      c.header("x-trace-id", traceId);
    } else {
      const id = crypto.randomUUID();
      c.set("ids", { request_id: id });
      c.header("x-request-id", id);
    }
    inProgress.inc({ method, route });
    await (span === undefined ? next() : runInSpan(span, next));
    const seconds = (performance.now() - started) / 1_000;
    const { status } = c.res;
    const labels = { method, route, status: String(status) };
    requests.inc(labels);
    durations.observe({ labels, value: seconds, exemplarLabels: exemplarOf(span) });
    const ended = () => {
      inProgress.dec({ method, route });
      if (span !== undefined) end(span, { method, route, path: c.req.path, status, seconds });
    };
    const streaming = c.get("streaming");
    if (streaming === undefined) ended();
    else streaming.then(ended);
    log[QUIET.test(route) ? "debug" : "info"]("request", {
      method,
      route,
      status,
      duration_ms: Math.round(seconds * 1e5) / 100,
      key: c.get("grant")?.name,
      address: addressOf?.(c),
      ...c.get("ids"),
    });
  };
}

interface Ending {
  readonly method: string;
  readonly route: string;
  readonly path: string;
  readonly status: number;
  /** Until the response began. */
  readonly seconds: number;
}

/** Ends a request's span. One that is not sampled is still recorded if the request failed or was slow. */
function end(span: Span, { method, route, path, status, seconds }: Ending): void {
  const failed = status >= 500;
  const matters = failed || seconds >= SLOW_S;
  if (!matters && !isRecorded(span)) return;
  setAttributes(span, {
    "http.request.method": method,
    "http.response.status_code": status,
    "url.path": path,
    ...(route === UNMATCHED ? {} : { "http.route": route }),
  });
  if (failed) failSpan(span, String(status));
  endSpan(span, { matters });
}

/** Starts the label sets that are known in advance at 0, which keeps rates and ratios from being absent. */
export function startAtZero(metrics: Metrics<"api">, routes: readonly DeclaredRoute[]): void {
  for (const { method: declared, path: route, statuses } of routes) {
    const method = declared.toUpperCase();
    metrics.http_requests_inprogress.set({ method, route }, 0);
    for (const status of statuses) {
      const labels = { method, route, status: String(status) };
      metrics.http_requests_total.inc(labels, 0);
      if (status < 400) metrics.http_request_duration_seconds.zero(labels);
    }
  }
  metrics.http_requests_total.inc({ method: "GET", route: UNMATCHED, status: "404" }, 0);
}
