/** The dashboard of an adopted service: rate, errors and durations of its requests, and its process. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { serviceUid } from "./boards.ts";
import { durations, graph, logLines, number, recentTraces } from "./panels.ts";
import { closedSection, COLOURS, emptyDashboard, section, STATUSES, type Unit, upFrom } from "./theme.ts";

export interface ServiceMetrics {
  /** The Prometheus job, and the service's name in log lines and traces. */
  readonly name: string;
  /** Absent if it reports no HTTP requests. */
  readonly requests?: Requests;
  readonly process: readonly ProcessMetric[];
}

export interface Requests {
  /** Counts them: `http_requests_total`, or the `_count` of a histogram. */
  readonly counter: string;
  readonly durations?: Durations;
  /** Labels, if there are any: of the status, as `200` or `2xx`; of the route; of the method. */
  readonly status?: string;
  readonly route?: string;
  readonly method?: string;
}

export interface Durations {
  /** Without its suffix. */
  readonly metric: string;
  /** Whether it has buckets; without them only the mean is known. */
  readonly buckets: boolean;
  /** 1 if it counts seconds, 1,000 if it counts milliseconds. */
  readonly perSecond: 1 | 1_000;
  /** Finite bounds of its buckets, in its own unit. */
  readonly bounds: readonly number[];
}

/** Something that a runtime reports. */
export interface ProcessMetric {
  readonly title: string;
  readonly description: string;
  readonly unit: Unit;
  /** Its query. @param own the label matcher of the service */
  expr(own: string): string;
}

/** Routes that monitoring itself requests. */
const NOT_OF_USERS = "/metrics|/health.*|/healthz|/livez|/readyz|/ready|/live|/actuator.*";

export function serviceDashboard({ name, requests, process }: ServiceMetrics): Dashboard {
  const logs = logsOf(name);
  const own = `job="${name}"`;
  const board = emptyDashboard({
    uid: serviceUid(name),
    title: name,
    description: `Requests, errors, durations and process of ${name}, with its logs and traces.`,
    logs,
  }, {
    events: {
      Restarts: {
        expr: `changes(process_start_time_seconds{${own}}[1m]) > 0`,
        title: "{{instance}} restarted",
        colour: COLOURS.grey,
      },
      Alerts: {
        expr: `max by (alertname) (ALERTS{alertstate="firing", service="${name}"})`,
        title: "{{alertname}}",
        colour: COLOURS.vermillion,
      },
    },
  });
  board.withPanel(number({
    title: "Up",
    description: "Instances that Prometheus can scrape. At 0 ServiceDown fires.",
    span: 6,
    unit: "count",
    expr: `sum(up{${own}}) or vector(0)`,
    colours: upFrom(1),
  }));
  if (requests) addRequests(board, name, requests);
  if (process.length > 0) {
    board.withRow(section("Process"));
    for (const { title, description, unit, expr } of process) {
      board.withPanel(
        graph({ title, description, span: 12, unit, series: { "{{instance}}": expr(own) }, min: 0 }),
      );
    }
  }
  return board
    .withRow(closedSection("Logs and traces", [
      logLines({
        title: "Log lines",
        description:
          `Lines whose label service is ${name}, newest first. One with a trace_id leads to its trace.`,
        span: 24,
        logql: logs,
      }),
      recentTraces({
        title: "Traces",
        description: `Recent traces of ${name}, where it sends any.`,
        span: 24,
        traceql: `{ resource.service.name = "${name}" }`,
      }),
    ]))
    .build();
}

/** The label matchers of requests of users. @param more matchers to add, such as those of failures */
export function requestsOf(name: string, { route }: Requests, more = ""): string {
  const users = route === undefined ? "" : `, ${route}!~"${NOT_OF_USERS}"`;
  return `{job="${name}"${users}${more}}`;
}

/** The duration that a share of the requests stayed within, or their mean, in seconds. */
export function durationExpr(
  { metric, buckets, perSecond }: Durations,
  matchers: string,
  { quantile = 0.95, window = "$__rate_interval", by = "" } = {},
): string {
  const rate = (suffix: string, labels: string) =>
    `sum${labels && ` by (${labels})`} (rate(${metric}${suffix}${matchers}[${window}]))`;
  const value = buckets
    ? `histogram_quantile(${quantile}, ${rate("_bucket", by === "" ? "le" : `le, ${by}`)})`
    : `${rate("_sum", by)} / ${rate("_count", by)}`;
  return perSecond === 1 ? value : `${buckets ? value : `(${value})`} / ${perSecond}`;
}

/**
 * The share of requests that fail, over a window; nothing while none has failed yet.
 *
 * @returns undefined where no label has their status
 */
export function errorRatioExpr(name: string, requests: Requests, window: string): string | undefined {
  if (requests.status === undefined) return undefined;
  const rate = (more: string) =>
    `sum(rate(${requests.counter}${requestsOf(name, requests, more)}[${window}]))`;
  return `${rate(`, ${requests.status}=~"5.."`)} / ${rate("")}`;
}

function logsOf(name: string): string {
  return `{service="${name}"}`;
}

function addRequests(
  board: ReturnType<typeof emptyDashboard>,
  name: string,
  requests: Requests,
): void {
  const { counter, durations: measured, status, route, method } = requests;
  const logs = logsOf(name);
  const users = requestsOf(name, requests);
  const rate = (by: string) => `sum by (${by}) (rate(${counter}${users}[$__rate_interval]))`;
  const ratio = errorRatioExpr(name, requests, "5m");
  // A service that never failed has no series of failures: that is 0, where there are requests at all.
  const errors = ratio && `${ratio} or 0 * sum(rate(${counter}${users}[5m]))`;
  const endpoint = [method, route].filter((label) => label !== undefined);
  board.withPanel(number({
    title: "Requests",
    description: "Requests per second, over 5 minutes. Scrapes and health checks don't count.",
    span: 6,
    unit: "requests/s",
    expr: `sum(rate(${counter}${users}[5m]))`,
    decimals: 2,
    noValue: "No requests yet",
  }));
  if (errors !== undefined) {
    board.withPanel(number({
      title: "Error ratio",
      description: "Share of requests that return a 5xx, over 5 minutes.",
      span: 6,
      unit: "ratio",
      threshold: "apiErrorRatio",
      expr: errors,
      noValue: "No requests yet",
    }));
  }
  if (measured) {
    board.withPanel(number({
      title: measured.buckets ? "Duration p95" : "Mean duration",
      description: measured.buckets
        ? "19 of 20 requests were faster than this, over 5 minutes."
        : "Of requests over 5 minutes. Report a histogram to see quantiles.",
      span: 6,
      unit: "seconds",
      threshold: "apiP95",
      expr: durationExpr(measured, users, { window: "5m" }),
      noValue: "No requests yet",
    }));
  }
  board.withPanel(graph({
    title: "Rate",
    description: "Requests per second by method and route, as far as they are labelled.",
    span: 12,
    unit: "requests/s",
    series: endpoint.length > 0
      ? { [endpoint.map((label) => `{{${label}}}`).join(" ")]: rate(endpoint.join(", ")) }
      : { requests: `sum(rate(${counter}${users}[$__rate_interval]))` },
    min: 0,
    logql: logs,
  }));
  if (status !== undefined) {
    board.withPanel(graph({
      title: "Statuses",
      description: "Requests per second by status. 4xx are the caller's mistakes, 5xx the service's.",
      span: 12,
      unit: "requests/s",
      stacked: true,
      series: { [`{{${status}}}`]: `${rate(status)} > 0` },
      paint: STATUSES,
      min: 0,
    }));
  }
  if (errors !== undefined) {
    board.withPanel(graph({
      title: "Errors",
      description: "Share of 5xx over 5 minutes, with the limit at which ServiceErrors fires.",
      span: 12,
      unit: "ratio",
      threshold: "apiErrorRatio",
      series: { "5xx": errors },
      upTo: 0.06,
      min: 0,
      logql: `${logs} |~ "(?i)error"`,
    }));
  }
  if (!measured) return;
  board.withPanel(graph({
    title: "Durations",
    description: "A dot is one request that carried a trace: click it to see its spans.",
    span: 12,
    unit: "seconds",
    threshold: "apiP95",
    exemplars: measured.buckets,
    series: measured.buckets
      ? Object.fromEntries(
        ([["p99", 0.99], ["p95", 0.95], ["p50", 0.5]] as const).map((
          [p, quantile],
        ) => [p, durationExpr(measured, users, { quantile })]),
      )
      : { mean: durationExpr(measured, users) },
    min: 0,
  }));
  if (measured.buckets && measured.perSecond === 1) {
    board.withPanel(durations({
      title: "Distribution",
      description: "How many requests took how long. Two bands: two kinds of request, or a slow dependency.",
      span: 12,
      expr: `sum by (le) (rate(${measured.metric}_bucket${users}[$__rate_interval]))`,
    }));
  }
  if (route !== undefined) {
    board.withPanel(graph({
      title: "Duration by route",
      description: "Which route is slow.",
      span: 12,
      unit: "seconds",
      threshold: "apiP95",
      series: { [`{{${route}}}`]: durationExpr(measured, users, { by: route }) },
      min: 0,
    }));
  }
}
