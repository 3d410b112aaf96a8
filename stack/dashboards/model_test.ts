import assert from "node:assert/strict";
import { join } from "node:path";
import { metricsOf, readDashboards } from "./model.ts";

const DASHBOARD = {
  uid: "tp-x",
  title: "X",
  templating: {
    list: [
      { name: "instance", type: "query", includeAll: true, allValue: ".+", current: { value: "$__all" } },
      { name: "source", type: "datasource", current: { value: "prometheus" } },
      { name: "topic", type: "custom", current: { value: ["a", "b"] } },
    ],
  },
  panels: [
    { title: "words", type: "text" },
    {
      title: "rate",
      type: "timeseries",
      datasource: { uid: "${source}" },
      targets: [{
        refId: "A",
        expr: 'rate(x{instance=~"$instance", topic=~"${topic:pipe}"}[$__rate_interval])',
      }],
    },
    {
      title: "row",
      type: "row",
      panels: [{ title: "inner", type: "stat", targets: [{ expr: "y", instant: true }] }],
    },
  ],
};

async function read(files: Record<string, string>) {
  const dir = await Deno.makeTempDir();
  try {
    const folder = join(dir, "config", "grafana", "dashboards");
    await Deno.mkdir(folder, { recursive: true });
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(join(folder, name), text);
    return await readDashboards(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

Deno.test("readDashboards() fills every variable in, and looks into rows", async () => {
  const [dashboard] = await read({ "x.json": JSON.stringify(DASHBOARD), "notes.md": "no dashboard" });
  const panels = dashboard!.panels.map((
    p,
  ) => [p.title, ...p.queries.map((q) => `${q.source} ${q.instant} ${q.expr}`)]);
  assert.deepEqual(panels, [
    ["words"],
    ["rate", 'prometheus false rate(x{instance=~".+", topic=~"a|b"}[1m])'],
    ["row"],
    ["inner", "prometheus true y"],
  ]);
});

Deno.test("readDashboards() names the file that is no dashboard", async () => {
  await assert.rejects(read({ "bad.json": '{"title": "no uid"}' }), /bad\.json/);
});

Deno.test("metricsOf() finds the metrics of an expression, and nothing else", () => {
  const cases: [string, string[]][] = [
    ['sum by (method, route) (rate(http_requests_total{instance=~".*", route="/x"}[5m]))', [
      "http_requests_total",
    ]],
    ["a:b:rate5m / on (job) group_left (x) (c_total offset 5m > 0)", ["a:b:rate5m", "c_total"]],
    ["histogram_quantile(0.95, sum by (le) (rate(d_bucket[1m])))", ["d_bucket"]],
    ["count(up == 0) or vector(0)", ["up"]],
    ['predict_linear(e_bytes[6h], 3 * 86400) and e_bytes{a="it\'s }"} < bool 1e3', ["e_bytes"]],
  ];
  for (const [expr, metrics] of cases) assert.deepEqual(metricsOf(expr), metrics, expr);
});
