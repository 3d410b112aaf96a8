/** The instruments of one process, made from the catalogue, and the text it is scraped for. */
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
} from "prom-client";
import { CATALOGUE, type Declaration, type MetricName, type Service } from "./catalogue.ts";

type Labels<N extends MetricName> = (typeof CATALOGUE)[N] extends
  { labels: readonly (infer L extends string)[] } ? L
  : never;
type Instrument<N extends MetricName> = (typeof CATALOGUE)[N]["type"] extends "counter" ? Counter<Labels<N>>
  : (typeof CATALOGUE)[N]["type"] extends "gauge" ? Gauge<Labels<N>>
  : Histogram<Labels<N>>;
type NamesOn<S extends Service> = {
  [N in MetricName]: S extends (typeof CATALOGUE)[N]["on"][number] ? N : never;
}[MetricName];

/** The instruments of one process, by name, and the text it is scraped for. */
export type Metrics<S extends Service> = { readonly [N in NamesOn<S>]: Instrument<N> } & {
  /** The exposition in the format that `accept` names; only OpenMetrics has exemplars. */
  expose(accept?: string): Promise<{ body: string; contentType: string }>;
};

/**
 * Default metrics from `perf_hooks.monitorEventLoopDelay`, which measures nothing on Deno (`event_loop.ts` does),
 * and takes 0.3 % of a core at prom-client's default of 10 ms.
 */
const BLIND = ["min", "max", "mean", "stddev", "p50", "p90", "p99"].map((what) =>
  `nodejs_eventloop_lag_${what}_seconds`
);
const BLIND_EVERY_MS = 60_000;

/**
 * Makes every instrument that the catalogue declares for a process, in a registry of its own, with the
 * default process metrics, build info and resident memory.
 *
 * @param service which process this is
 * @param version the version shown in `app_build_info`
 */
export function createMetrics<S extends Service>(service: S, version: string): Metrics<S> {
  const registry = new Registry<PrometheusContentType | OpenMetricsContentType>();
  // prom-client creates a histogram with exemplars only in a registry that currently speaks OpenMetrics.
  registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: BLIND_EVERY_MS });
  for (const name of BLIND) registry.removeSingleMetric(name);
  const instruments: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries(CATALOGUE) as [MetricName, Declaration][]) {
    if (!declared.on.includes(service)) continue;
    const { help, labels: labelNames = [] } = declared;
    if (declared.type === "counter") {
      instruments[name] = new Counter({ name, help, labelNames, registers });
    } else if (declared.type === "gauge") {
      instruments[name] = new Gauge({ name, help, labelNames, registers });
    } else {
      const buckets = [...declared.buckets ?? []];
      instruments[name] = new Histogram({
        name,
        help,
        labelNames,
        registers,
        buckets,
        enableExemplars: true,
      });
    }
  }
  const metrics = instruments as Metrics<S>;
  for (const [name, { values = {} }] of Object.entries(CATALOGUE) as [MetricName, Declaration][]) {
    const instrument = instruments[name];
    for (const [label, known] of Object.entries(values)) {
      for (const value of known) {
        if (instrument instanceof Counter) instrument.inc({ [label]: value }, 0);
        if (instrument instanceof Histogram) instrument.zero({ [label]: value });
      }
    }
  }
  const { app_build_info: buildInfo, app_resident_memory_bytes: resident } = metrics as Metrics<Service>;
  buildInfo.set({ service, version, deno: Deno.version.deno }, 1);

  const render = renderer(registry);
  return Object.assign(metrics, {
    expose(accept = "") {
      resident.set(Deno.memoryUsage().rss);
      return render(
        accept.includes("application/openmetrics-text")
          ? Registry.OPENMETRICS_CONTENT_TYPE
          : Registry.PROMETHEUS_CONTENT_TYPE,
      );
    },
  });
}

/**
 * Renders a registry in either format. prom-client 15.1.3 keeps the format in the registry and cuts `_total`
 * off the counters' names for good when it writes OpenMetrics; so the names are restored, and renderings run
 * one at a time.
 */
function renderer(registry: Registry<PrometheusContentType | OpenMetricsContentType>) {
  const names = registry.getMetricsAsArray().map((metric) => ({ metric, name: metric.name }));
  let last: Promise<unknown> = Promise.resolve();
  return (
    contentType: PrometheusContentType | OpenMetricsContentType,
  ): Promise<{ body: string; contentType: string }> => {
    const next = last.then(async () => {
      for (const { metric, name } of names) metric.name = name;
      registry.setContentType(contentType);
      return { body: await registry.metrics(), contentType };
    });
    last = next.catch(() => {});
    return next;
  };
}
