/** What the proof says about panels with and without data, against a scripted Prometheus. */
import assert from "node:assert/strict";
import { fakeHost, testProgress } from "../../tests/launcher/fake_host.ts";
import type { Dashboard, Panel } from "../dashboards/model.ts";
import { createEndpoints } from "../endpoints.ts";
import { LaunchFailure } from "../failure.ts";
import { checkoutPaths } from "../paths.ts";
import { select } from "../services.ts";
import type { RunningStack } from "../running_stack.ts";
import { panelsFilled } from "./panels.ts";
import { createProofThought } from "./thought.ts";

interface Metrics {
  /** What an expression has by the time that many thoughts were posted; without an entry it has nothing. */
  samples?: Record<string, (posted: number) => string[]>;
  /** Metrics that have series. */
  series?: string[];
  /** What is recorded, and every how many seconds. */
  rules?: Record<string, number>;
  /** Scrapes of every target so far. @default 4 */
  scrapes?: number;
  without?: string[];
  /** Of every query. @default "prometheus" */
  source?: string;
}

const panel = (title: string, expr: string): Panel => ({
  id: 1,
  type: "stat",
  title,
  description: "",
  source: "prometheus",
  unit: "",
  limits: [],
  queries: [{ refId: "A", source: "prometheus", language: "promql", expr, instant: true, legend: "" }],
});

async function look(exprs: Record<string, string>, metrics: Metrics) {
  const { samples = {}, series = [], rules = {}, scrapes = 4, without = [], source = "prometheus" } = metrics;
  let posted = 0;
  const host = fakeHost({
    fetch: ({ pathname, searchParams }, { method }) => {
      if (method === "POST") posted++;
      if (pathname === "/api/v1/series") {
        return Response.json({ data: series.includes(searchParams.get("match[]")!) ? [{ a: "1" }] : [] });
      }
      if (pathname === "/api/v1/rules") {
        const groups = Object.entries(rules).map(([name, interval]) => ({ interval, rules: [{ name }] }));
        return Response.json({ data: { groups } });
      }
      if (pathname === "/loki/api/v1/query_range") {
        const values = samples[searchParams.get("query")!]?.(posted).map((line) => ["1", line]) ?? [];
        return Response.json({ data: { result: values.length > 0 ? [{ values }] : [] } });
      }
      if (pathname !== "/api/v1/query") return Response.json({}, { status: 500 });
      const query = searchParams.get("query")!;
      const values = query.includes("count_over_time") ? [`${scrapes}`] : samples[query]?.(posted) ?? [];
      return Response.json({ data: { result: values.map((value) => ({ value: [1, value] })) } });
    },
  });
  const container = (service: string, port: number) => ({
    id: service,
    name: service,
    service,
    state: "running",
    health: "healthy",
    exitCode: 0,
    status: "",
    ports: [{ container: port, host: port }],
  });
  const stack: RunningStack = {
    host,
    paths: checkoutPaths("/nowhere"),
    selection: select(["grafana", ...without]),
    endpoints: createEndpoints([
      container("prometheus", 9090),
      container("api", 8000),
      container("loki", 3100),
    ]),
    workers: 1,
    grafanaLogin: "",
  };
  const dashboard: Dashboard = {
    uid: "d",
    title: "D",
    variables: [],
    panels: Object.entries(exprs).map(([t, e]) => {
      const { queries, ...rest } = panel(t, e);
      return { ...rest, queries: queries.map((query) => ({ ...query, source })) };
    }),
  };
  const finding = panelsFilled(stack, [dashboard], createProofThought(stack), testProgress());
  return { finding: await finding.catch((error: LaunchFailure) => error), host, posted: () => posted };
}

Deno.test("all panels have data: nothing is waited for, and nothing posted", async () => {
  const { finding, host, posted } = await look({ a: "a" }, { samples: { a: () => ["1"] } });
  assert.deepEqual(finding, { text: "1 of 1 have data" });
  assert.deepEqual([host.slept, posted()], [0, 0]);
});

Deno.test("a quantile of no traffic is waited for, with traffic", async () => {
  const { finding, posted } = await look({ p95: "p95" }, {
    samples: { p95: (n) => n < 3 ? ["NaN"] : ["0.2"] },
  });
  assert.deepEqual(finding, { text: "1 of 1 have data" });
  assert.equal(posted(), 3);
});

Deno.test("a metric that no target has fails the proof, and is named", async () => {
  const { finding } = await look({ lag: "sum(lag_total)" }, {});
  assert.ok(finding instanceof LaunchFailure);
  assert.deepEqual([finding.kind, finding.why], ["proof", "no series is named lag_total"]);
});

Deno.test("while targets are young, a missing metric is waited for", async () => {
  const { finding, host } = await look({ lag: "lag_total" }, { scrapes: 1 });
  assert.ok(finding instanceof LaunchFailure && host.slept > 30_000);
});

Deno.test("a rule that is evaluated seldom is named, not waited for", async () => {
  const { finding, host } = await look({ budget: "slo:left" }, { rules: { "slo:left": 120 } });
  assert.ok(!(finding instanceof LaunchFailure), `${finding}`);
  assert.match(finding.notes![0]!, /^recorded every 120 s, no sample yet: D: budget$/);
  assert.equal(host.slept, 0);
});

Deno.test("a panel of a service that was left out is explained by that", async () => {
  const { finding } = await look({ spans: "traces_a", calls: "traces_b" }, {
    without: ["tempo"],
  });
  assert.ok(!(finding instanceof LaunchFailure), `${finding}`);
  assert.deepEqual(finding.notes, ["needs tempo, which was left out: D: spans, D: calls"]);
});

Deno.test("that no line is an error may be good news; that there are no lines is none", async () => {
  const exprs = { errors: '{service=~"a|b}"} |= "ERROR"' };
  const lines = { samples: { '{service=~"a|b}"}': () => ["INFO started"] } };
  const quiet = await look(exprs, { ...lines, source: "loki" });
  assert.deepEqual(quiet.finding, { text: "0 of 1 have data", notes: ["no line like that: D: errors"] });
  const silent = await look(exprs, { source: "loki" });
  assert.ok(silent.finding instanceof LaunchFailure);
});

Deno.test("a panel of log lines is explained where nothing ships them", async () => {
  const { finding } = await look({ logs: '{service="api"}' }, { without: ["promtail"], source: "loki" });
  assert.deepEqual(finding, {
    text: "0 of 1 have data",
    notes: ["needs promtail, which was left out: D: logs"],
  });
});

Deno.test("no dashboards is no proof", async () => {
  const { finding } = await look({}, {});
  assert.ok(finding instanceof LaunchFailure && finding.kind === "proof");
});
