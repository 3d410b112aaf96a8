/**
 * The metrics that exist, with their labels: our catalogue, the recorded rules, and what the exporters were
 * seen to report.
 */
import { CATALOGUE } from "../../core/telemetry/catalogue.ts";
import { parsePromQL } from "../../stack/dashboards/promql.ts";
import type { Rule } from "./rules.ts";

export const EXPORTER_METRICS = "config/prometheus/exporter-metrics.txt";
/** What Prometheus itself adds to every series, and generates. */
const TARGET_LABELS = ["job", "instance", "component"];
const BUILT_IN: Record<string, readonly string[]> = {
  up: TARGET_LABELS,
  "target:left_out": ["job"], // config/prometheus-start.sh
  ALERTS: [...TARGET_LABELS, "alertname", "alertstate", "severity", "symptom", "slo", "window"],
};

export type KnownMetrics = ReadonlyMap<string, ReadonlySet<string>>;

export async function knownMetrics(rules: readonly Rule[]): Promise<KnownMetrics> {
  const known = new Map<string, ReadonlySet<string>>();
  for (const [name, labels] of Object.entries(BUILT_IN)) known.set(name, new Set(labels));
  for (const [name, declared] of Object.entries(CATALOGUE)) {
    const labels = [...TARGET_LABELS, ..."labels" in declared ? declared.labels : []];
    if (declared.type !== "histogram") known.set(name, new Set(labels));
    else {
      known.set(`${name}_bucket`, new Set([...labels, "le"]));
      for (const suffix of ["_sum", "_count"]) known.set(name + suffix, new Set(labels));
    }
  }
  for (const [name, labels] of await exporterMetrics()) {
    known.set(name, new Set([...TARGET_LABELS, ...labels]));
  }
  // A recorded series has the labels the rule adds and those its expression may keep.
  for (const rule of rules) {
    if (rule.record === undefined) continue;
    const kept = parsePromQL(rule.expr).groupings;
    const labels = [...known.get(rule.record) ?? [], ...Object.keys(rule.labels ?? {}), ...kept];
    known.set(rule.record, new Set(rule.record.startsWith("slo:") ? [...labels, "slo"] : labels));
  }
  return known;
}

/** The checked-in list: `job metric label,label` a line. */
export async function exporterMetrics(): Promise<Map<string, string[]>> {
  const metrics = new Map<string, string[]>();
  for (const line of (await Deno.readTextFile(EXPORTER_METRICS)).split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [, metric = "", labels = ""] = line.split(" ");
    metrics.set(metric, [...metrics.get(metric) ?? [], ...labels.split(",").filter((label) => label !== "")]);
  }
  return metrics;
}

/** Why an expression asks for something that does not exist; empty when all is well. */
export function unknownIn(expr: string, legend: string, known: KnownMetrics): string[] {
  const query = parsePromQL(expr);
  const problems: string[] = [];
  const labelsHere = new Set<string>(query.groupings);
  for (const { metric, labels } of query.selectors) {
    const allowed = known.get(metric);
    if (allowed === undefined) {
      problems.push(`no metric ${metric || "(a selector without a name)"}`);
      continue;
    }
    for (const label of allowed) labelsHere.add(label);
    for (const label of labels.keys()) {
      if (!allowed.has(label)) problems.push(`${metric} has no label ${label}`);
    }
  }
  const all = new Set(query.selectors.flatMap(({ metric }) => [...known.get(metric) ?? []]));
  for (const label of query.groupings) {
    if (all.size > 0 && !all.has(label)) problems.push(`nothing here has the label ${label}`);
  }
  for (const [, label = ""] of legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g)) {
    if (!labelsHere.has(label)) problems.push(`the legend's label ${label} is on no series here`);
  }
  return problems;
}

/**
 * The finite buckets of one of our histograms, by its name or that of its `_bucket` series; none for anything
 * else.
 */
export function bucketsOf(metric: string): readonly number[] {
  const declared = CATALOGUE[metric.replace(/_bucket$/, "") as keyof typeof CATALOGUE];
  return declared !== undefined && "buckets" in declared ? declared.buckets : [];
}
