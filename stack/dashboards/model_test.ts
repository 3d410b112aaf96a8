/** What the reader returns for dashboard files. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { readDashboards } from "./model.ts";

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

Deno.test("readDashboards() fills in every variable, and opens rows", async () => {
  const [dashboard] = await read({ "x.json": JSON.stringify(DASHBOARD), "notes.md": "not a dashboard" });
  const panels = dashboard!.panels.map((
    p,
  ) => [p.title, ...p.queries.map((q) => `${q.source} ${q.instant} ${q.expr}`)]);
  assert.deepEqual(panels, [
    ["words"],
    ["rate", 'prometheus false rate(x{instance=~".+", topic=~"a|b"}[1m])'],
    ["inner", "prometheus true y"],
  ]);
});

Deno.test("readDashboards() names the file that is not a dashboard", async () => {
  await assert.rejects(read({ "bad.json": '{"title": "no uid"}' }), /bad\.json/);
});
