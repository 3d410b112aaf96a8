// deno-lint-ignore-file no-console -- a command line program
/**
 * Refreshes exporter-metrics.txt from the real exporters, through a Prometheus that scrapes them:
 *
 *     deno run --allow-read --allow-write=config/prometheus --allow-net tools/exporter_metrics.ts [PROMETHEUS_URL]
 *
 * The list holds every metric that a rule or a dashboard uses and that our programs don't expose, with the job and the
 * labels it was seen with. A line stays even if its metric is absent now, since some appear only after a failure. To
 * start over, delete the file first.
 */
import { CATALOGUE } from "../core/telemetry/catalogue.ts";
import { queriesOf, readDashboards } from "../stack/dashboards/model.ts";
import { EXPORTER_METRICS } from "../tests/contracts/known_metrics.ts";
import { metricsOf } from "../stack/dashboards/promql.ts";
import { readRules } from "../tests/contracts/rules.ts";

const prometheus = Deno.args[0] ?? "http://127.0.0.1:9090";
const HEADER =
  `# Metrics of the exporters and of the monitoring services that rules and dashboards use: job, metric, labels.
# Written by tools/exporter_metrics.ts from the running programs; not by hand.
`;

const seen = new Map<string, Set<string>>();
for (const line of (await Deno.readTextFile(EXPORTER_METRICS).catch(() => "")).split("\n")) {
  const [job, metric, labels] = line.split(" ");
  if (job === undefined || metric === undefined || job.startsWith("#")) continue;
  seen.set(`${job} ${metric}`, new Set(labels?.split(",")));
}

const missing: string[] = [];
for (const metric of await usedMetrics()) {
  const series = await seriesOf(metric);
  if (series.length === 0 && ![...seen.keys()].some((key) => key.endsWith(` ${metric}`))) {
    missing.push(metric);
  }
  for (const { __name__: _, job = "", instance: __, ...labels } of series) {
    const known = seen.get(`${job} ${metric}`) ?? new Set();
    for (const label of Object.keys(labels)) known.add(label);
    seen.set(`${job} ${metric}`, known);
  }
}

const lines = [...seen].map(([key, labels]) =>
  [key, ...labels.size > 0 ? [[...labels].sort().join(",")] : []].join(" ")
);
await Deno.writeTextFile(EXPORTER_METRICS, HEADER + lines.sort().join("\n") + "\n");
if (missing.length > 0) {
  console.error(`Not at ${prometheus}, and not in the list: ${missing.join(", ")}`);
  Deno.exit(1);
}

async function usedMetrics(): Promise<Set<string>> {
  const rules = await readRules();
  const panels = (await readDashboards()).flatMap(queriesOf).filter(({ language }) => language === "promql");
  const queries = [...rules, ...panels].map(({ expr }) => expr);
  const used = queries.flatMap(metricsOf);
  const ours = (metric: string) =>
    metric.replace(/_(bucket|sum|count)$/, "") in CATALOGUE || metric in CATALOGUE ||
    ["up", "ALERTS"].includes(metric) || rules.some(({ record }) => record === metric);
  return new Set(used.filter((metric) => !ours(metric)).sort());
}

async function seriesOf(metric: string): Promise<Record<string, string>[]> {
  const response = await fetch(`${prometheus}/api/v1/series?${new URLSearchParams({ "match[]": metric })}`);
  if (!response.ok) throw new Error(`Cannot list ${metric}: Prometheus returned ${response.status}`);
  return (await response.json()).data;
}
