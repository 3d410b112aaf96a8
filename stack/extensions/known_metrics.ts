/** Recognises the metrics of common client libraries and conventions in what a service reports. */
import type { Family, Sample } from "../clients/exposition.ts";
import type { Durations, ProcessMetric, Requests } from "../dashboards/service.ts";

export interface Recognised {
  /** What was found, for a person: "Go client: 31 metrics". */
  readonly found: readonly string[];
  readonly requests?: Requests;
  readonly process: readonly ProcessMetric[];
  /** Whether the service reports a metric of requests whose labels show only after the first one. */
  readonly awaitsRequest: boolean;
}

/** The libraries that write metrics of these names. */
const LIBRARIES: Readonly<Record<string, RegExp>> = {
  "OpenTelemetry HTTP conventions":
    /^http_(server|client)_(request_duration(_seconds)?|duration(_milliseconds)?|active_requests|request_body_size_bytes|response_body_size_bytes)$/,
  "prom-client (Node.js, Deno)": /^nodejs_/,
  "Python's prometheus_client": /^python_/,
  "Go's client": /^(go|promhttp)_/,
  "Micrometer": /^(jvm|tomcat|hikaricp|logback|executor|disk)_|^http_server_requests_seconds$/,
  "process": /^process_/,
};

interface Convention {
  readonly metric: RegExp;
  readonly status?: string;
  readonly route?: string;
  readonly method?: string;
}

/**
 * Durations of HTTP requests, the most precise name first; labels where the convention fixes them. OpenTelemetry's
 * exporter for Node.js leaves the unit out of the name.
 */
const DURATIONS: readonly Convention[] = [
  {
    metric: /^http_server_request_duration(?:_seconds)?$/,
    status: "http_response_status_code",
    route: "http_route",
    method: "http_request_method",
  },
  { metric: /^http_server_requests_seconds$/, status: "status", route: "uri", method: "method" },
  {
    metric: /^http_server_duration(?:_milliseconds)?$/,
    status: "http_status_code",
    route: "http_route",
    method: "http_method",
  },
  { metric: /(?:^|_)http_requests?_(?:duration|latency)_(?:seconds|milliseconds|ms)$/ },
  { metric: /(?:^|_)requests?_(?:duration|latency)_(?:seconds|milliseconds|ms)$/ },
];
const COUNTERS = /(?:^|_)(?:http_(?:server_)?)?requests?(?:_total)?$/;

/** Labels of a request under the names in use, the most precise first. */
const LABELS = {
  status: ["http_response_status_code", "http_status_code", "status_code", "status", "code"],
  route: ["http_route", "route", "handler", "path_template", "path", "uri", "endpoint"],
  method: ["http_request_method", "http_method", "method"],
} as const;

const PROCESS: readonly (ProcessMetric & { readonly metric: string })[] = [
  {
    metric: "process_cpu_seconds_total",
    title: "CPU",
    description: "Cores in use.",
    unit: "cores",
    expr: (own) => `rate(process_cpu_seconds_total{${own}}[$__rate_interval])`,
  },
  {
    metric: "process_cpu_usage",
    title: "CPU",
    description: "Share of the machine's processors that the Java process uses.",
    unit: "ratio",
    expr: (own) => `process_cpu_usage{${own}}`,
  },
  {
    metric: "process_resident_memory_bytes",
    title: "Memory",
    description: "Resident memory. A line that only rises is a leak.",
    unit: "bytes",
    expr: (own) => `process_resident_memory_bytes{${own}}`,
  },
  {
    metric: "jvm_memory_used_bytes",
    title: "Memory",
    description: "Memory that the Java virtual machine uses, heap and other areas.",
    unit: "bytes",
    expr: (own) => `sum by (instance) (jvm_memory_used_bytes{${own}})`,
  },
  {
    metric: "nodejs_eventloop_lag_p99_seconds",
    title: "Event loop lag p99",
    description: "How late timers run. Above 0.1 s something computes for too long without a break.",
    unit: "seconds",
    expr: (own) => `nodejs_eventloop_lag_p99_seconds{${own}}`,
  },
  {
    metric: "go_goroutines",
    title: "Goroutines",
    description: "A number that only rises means that some never end.",
    unit: "count",
    expr: (own) => `go_goroutines{${own}}`,
  },
  {
    metric: "python_gc_collections_total",
    title: "Garbage collections",
    description: "Per second, over all generations.",
    unit: "per second",
    expr: (own) => `sum by (instance) (rate(python_gc_collections_total{${own}}[$__rate_interval]))`,
  },
  {
    metric: "jvm_gc_pause_seconds_sum",
    title: "Garbage collection",
    description: "Share of the time in which the program is paused for it.",
    unit: "ratio",
    expr: (own) => `sum by (instance) (rate(jvm_gc_pause_seconds_sum{${own}}[$__rate_interval]))`,
  },
  {
    metric: "http_server_active_requests",
    title: "Requests in progress",
    description: "A line that only rises means that requests don't end.",
    unit: "count",
    expr: (own) => `sum by (instance) (http_server_active_requests{${own}})`,
  },
];

export function recognise(families: ReadonlyMap<string, Family>): Recognised {
  const all = [...families.values()];
  const samples = new Set(all.flatMap((family) => family.samples.map(({ name }) => name)));
  const requests = requestsIn(all);
  const found = Object.entries(LIBRARIES).flatMap(([library, pattern]) => {
    const count = all.filter(({ name }) => pattern.test(name)).length;
    return count > 0 ? [`${library}: ${count} ${count === 1 ? "metric" : "metrics"}`] : [];
  });
  const known = all.filter(({ name }) => Object.values(LIBRARIES).some((pattern) => pattern.test(name)));
  return {
    found: [
      ...found,
      ...(requests?.known ? [`requests by ${requests.known.counter}`] : []),
      `others: ${all.length - known.length}`,
    ],
    ...(requests?.known && { requests: requests.known }),
    process: PROCESS.filter(({ metric }) => samples.has(metric)),
    awaitsRequest: requests !== undefined && requests.known === undefined,
  };
}

/**
 * @returns `known: undefined` where the labels show only after the first request; undefined where there is no
 * such metric
 */
function requestsIn(families: readonly Family[]): { readonly known: Requests | undefined } | undefined {
  for (const convention of DURATIONS) {
    const family = families.find(({ name, type }) =>
      convention.metric.test(name) && ["histogram", "summary"].includes(type)
    );
    if (!family) continue;
    const { status, route, method } = family.samples.length > 0 ? labelsOf(family.samples) : convention;
    if (family.samples.length === 0 && status === undefined) return { known: undefined };
    const durations = durationsOf(family);
    if (status === undefined) {
      const counted = counterIn(families);
      if (counted) return { known: { ...counted, durations } };
    }
    return { known: { counter: `${family.name}_count`, durations, ...defined({ status, route, method }) } };
  }
  const counted = counterIn(families);
  return counted && { known: counted };
}

/** A counter of requests that knows their status. */
function counterIn(families: readonly Family[]): Requests | undefined {
  for (const { name, type, samples } of families) {
    if (type !== "counter" || !COUNTERS.test(name) || name.startsWith("promhttp_")) continue;
    const labels = labelsOf(samples);
    const counter = samples.find((sample) => !sample.name.endsWith("_created"))?.name;
    if (counter !== undefined && labels.status !== undefined) return { counter, ...labels };
  }
  return undefined;
}

function durationsOf({ name, type, samples }: Family): Durations {
  const bounds = new Set(
    samples.filter((s) => s.name.endsWith("_bucket")).map(({ labels }) => Number(labels.le)),
  );
  return {
    metric: name,
    buckets: type === "histogram",
    perSecond: /_(?:milliseconds|ms)$|^http_server_duration$/.test(name) ? 1_000 : 1,
    bounds: [...bounds].filter(Number.isFinite).sort((a, b) => a - b),
  };
}

function labelsOf(samples: readonly Sample[]): Pick<Requests, "status" | "route" | "method"> {
  const present = new Set(samples.flatMap(({ labels }) => Object.keys(labels)));
  const first = (names: readonly string[]) => names.find((name) => present.has(name));
  return defined({ status: first(LABELS.status), route: first(LABELS.route), method: first(LABELS.method) });
}

/** Without what is undefined. */
function defined<T extends Record<string, string | undefined>>(labels: T): { [K in keyof T]?: string } {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: string;
  };
}
