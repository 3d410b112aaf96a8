/**
 * What the chart takes from `config/`: rules, dashboards and labels of targets are Compose's, except for
 * named ones.
 */
import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import { PARTITIONS } from "../../core/queue/queue.ts";
import { CATALOGUE } from "../../core/telemetry/catalogue.ts";
import { metricsOf } from "../../stack/dashboards/promql.ts";
import { find, type Manifest, render, run, testWithHelm } from "./chart.ts";

interface Rule {
  readonly alert?: string;
  readonly expr: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Group {
  readonly name: string;
  readonly rules: readonly Rule[];
}

/** About Compose's own Prometheus, Loki, Tempo and host. */
const LEFT_OUT = ["monitoring"];
/** Alerts whose expression depends on what is deployed, and what it is in the chart. */
const OTHER_EXPRESSIONS: Readonly<Record<string, string>> = {
  TargetDown: 'up{job=~"thoughtprocessor-api|kafka-worker|webhooks|canary"} == 0',
  JobAbsent:
    'absent(up{job="thoughtprocessor-api", component="api"}) or absent(up{job="kafka-worker", component="workers"}) or absent(up{job="webhooks", component="webhooks"}) or absent(up{job="canary", component="monitoring"})',
};
const EXPECTED = "scalar(max(batch_processor_expected_workers))";
const WANTED =
  'scalar(max(kube_deployment_spec_replicas{namespace="thoughts", deployment="tp-thought-processor-worker"}) or max(batch_processor_expected_workers))';

testWithHelm("rules are Compose's, but for what depends on the deployment", async () => {
  const manifests = await render("managed");
  for (const file of ["alerts", "recording", "slo"]) {
    const { groups } = parse(await Deno.readTextFile(`config/prometheus/${file}.yml`), { merge: true }) as {
      groups: Group[];
    };
    const expected = groups.filter(({ name }) => !LEFT_OUT.includes(name)).map((group) => ({
      ...group,
      rules: group.rules.map((rule) => ({
        ...rule,
        expr: OTHER_EXPRESSIONS[rule.alert ?? ""] ?? rule.expr.replace(EXPECTED, WANTED),
      })),
    }));
    const made = groupsOf(find(manifests, "PrometheusRule", `-${file}`));
    assert.deepEqual(made.map(withoutAddresses), expected.map(withoutAddresses), file);
  }
});

testWithHelm("alerts lead to this installation, and name nothing of Docker", async () => {
  const groups = groupsOf(find(await render("managed"), "PrometheusRule", "-alerts"));
  const annotations = groups.flatMap(({ rules }) => rules).flatMap(({ alert, annotations = {} }) =>
    Object.entries(annotations).map(([key, text]) => ({ alert: alert!, key, text }))
  );
  assert.ok(annotations.length > 100);
  const foreign = annotations.filter(({ text }) =>
    /docker|127\.0\.0\.1|localhost|externalLabels|\.env\b/.test(text)
  );
  assert.deepEqual(foreign, []);
  for (const { alert, key, text } of annotations) {
    if (key === "runbook_url") assert.equal(text, `https://runbooks.example.com/thoughts/${alert}`);
    if (key === "dashboard_url") assert.match(text, /^https:\/\/grafana\.example\.com\/d\/(tp-|\{\{ if )/);
  }
});

testWithHelm("without an address of its own, a runbook is the API's page", async () => {
  const groups = groupsOf(find(await render("strimzi-cnpg"), "PrometheusRule", "-alerts"));
  assert.equal(
    groups[0]!.rules[0]!.annotations!.runbook_url,
    "http://tp-thought-processor-api.thoughts/runbooks/ApiDown",
  );
  const elsewhere = groupsOf(
    find(await render("strimzi-cnpg", "service.port=8080"), "PrometheusRule", "-alerts"),
  );
  assert.match(elsewhere[0]!.rules[0]!.annotations!.runbook_url!, /^http:\/\/[^/]+:8080\/runbooks\//);
});

testWithHelm("promtool finds nothing wrong with the rules", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (const manifest of (await render("managed")).filter(({ kind }) => kind === "PrometheusRule")) {
      await Deno.writeTextFile(`${folder}/${manifest.metadata.name}.yml`, stringify(manifest.spec));
    }
    const files = await Array.fromAsync(Deno.readDir(folder), ({ name }) => `${folder}/${name}`);
    assert.equal(files.length, 3);
    const { success, stdout, stderr } = await run("promtool", "check", "rules", ...files);
    assert.ok(success, stdout + stderr);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

testWithHelm("dashboards are Compose's, to the byte, with the label of Grafana's sidecar", async () => {
  const manifests = await render("managed");
  const boards = manifests.filter(({ kind }) => kind === "ConfigMap");
  const files = await Array.fromAsync(Deno.readDir("config/grafana/dashboards"), ({ name }) => name);
  assert.deepEqual(boards.flatMap(({ data }) => Object.keys(data!)).sort(), files.sort());
  for (const { data, metadata } of boards) {
    assert.equal(metadata.labels.grafana_dashboard, "1");
    for (const [name, text] of Object.entries(data!)) {
      assert.equal(text, await Deno.readTextFile(`config/grafana/dashboards/${name}`), name);
    }
  }
});

testWithHelm("a data source of another uid is every dashboard's first choice", async () => {
  const boards = (await render("managed", "monitoring.dashboards.datasources.prometheus=mimir"))
    .filter(({ kind }) => kind === "ConfigMap");
  assert.ok(boards.length > 0);
  for (const { data } of boards) {
    const [text = ""] = Object.values(data!);
    const { templating } = JSON.parse(text);
    const choices = templating.list.map(({ name, current }: { name: string; current?: { value: string } }) =>
      `${name} ${current?.value}`
    );
    assert.ok(choices.includes("prometheus_datasource mimir"), choices.join());
    assert.doesNotMatch(text, /"(uid|datasource)": "prometheus"/);
  }
});

testWithHelm("targets have the job and the component that they have in Compose", async () => {
  const { scrape_configs: jobs } = parse(await Deno.readTextFile("config/prometheus.yml"), {
    merge: true,
  }) as {
    scrape_configs: {
      job_name: string;
      static_configs?: { labels: { component: string } }[];
      relabel_configs?: { target_label: string; replacement: string }[];
    }[];
  };
  const components = new Map(
    jobs.map(({ job_name, static_configs, relabel_configs }) => [
      job_name,
      static_configs?.[0]?.labels.component ?? relabel_configs?.[0]?.replacement,
    ]),
  );
  const manifests = await render("managed");
  const endpoints = [
    ...find(manifests, "ServiceMonitor").spec.endpoints,
    ...find(manifests, "PodMonitor", "-worker").spec.podMetricsEndpoints,
    ...find(manifests, "PodMonitor", "-webhooks").spec.podMetricsEndpoints,
    ...find(manifests, "PodMonitor", "-canary").spec.podMetricsEndpoints,
  ];
  assert.equal(endpoints.length, 4);
  for (const { relabelings } of endpoints) {
    const label = (name: string) =>
      relabelings.find(({ targetLabel }: { targetLabel: string }) => targetLabel === name).replacement;
    assert.equal(label("component"), components.get(label("job")), label("job"));
  }
});

testWithHelm("KEDA asks for metrics that exist, and counts no work that is held", async () => {
  const manifests = await render("managed");
  const queries = ["-api", "-worker"].flatMap((suffix) =>
    find(manifests, "ScaledObject", suffix).spec.triggers
      .filter(({ type }: { type: string }) => type === "prometheus")
      .map(({ metadata }: { metadata: { query: string } }) => ({ suffix, query: metadata.query }))
  );
  assert.equal(queries.length, 3);
  for (const { suffix, query } of queries) {
    const metrics = metricsOf(query);
    for (const metric of metrics) assert.ok(metric in CATALOGUE, `${metric} in ${query}`);
    if (suffix === "-worker") assert.ok(metrics.includes("batch_processor_gate_closed"), query);
  }
});

testWithHelm("all workers are there when the oldest thought has waited for half of what alarms", async () => {
  const { triggers } = find(await render("managed"), "ScaledObject", "-worker").spec;
  const oldest = triggers.find(({ name }: { name: string }) => name === "oldest").metadata;
  const rules = groupsOf(find(await render("managed"), "PrometheusRule", "-alerts")).flatMap(({ rules }) =>
    rules
  );
  const limit = rules.find(({ alert }) => alert === "OldestThoughtWaiting")!.expr.match(/> (\d+)/)![1];
  assert.equal(Number(oldest.threshold) * PARTITIONS, Number(limit) / 2);
});

const groupsOf = ({ spec }: Manifest): readonly Group[] => spec.groups;

/** Without links and actions, which are checked separately. */
function withoutAddresses(group: Group): unknown {
  return {
    ...group,
    rules: group.rules.map(({ annotations, ...rule }) => {
      if (annotations === undefined) return rule;
      const { runbook_url: _runbook, dashboard_url: _dashboard, action: _action, ...rest } = annotations;
      return { ...rule, annotations: /docker|kubectl/.test(rest.description!) ? {} : rest };
    }),
  };
}
