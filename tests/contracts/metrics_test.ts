/** Every query names metrics and labels that exist, in PromQL that parses. */
import assert from "node:assert/strict";
import { CATALOGUE } from "../../core/telemetry/metrics.ts";
import { queriesOf, readDashboards } from "../../stack/dashboards/model.ts";
import { documentQueries } from "./documents.ts";
import { bucketsOf, knownMetrics, unknownIn } from "./known_metrics.ts";
import { parsePromQL, windowSeconds } from "../../stack/dashboards/promql.ts";
import { readRules } from "./rules.ts";

const SCRAPE_INTERVAL_S = 15;

interface Asked {
  /** Who asks, for the message of a failing test. */
  readonly by: string;
  readonly query: string;
  readonly legend: string;
}

const rules = await readRules();
const dashboards = await readDashboards();
const known = await knownMetrics(rules);

const asked: Asked[] = [
  ...rules.map((rule) => ({ by: `rule ${rule.alert ?? rule.record}`, query: rule.expr, legend: "" })),
  ...dashboards.flatMap(queriesOf).filter(({ language }) => language === "promql").map((q) => ({
    by: `dashboard "${q.dashboard.title}", panel "${q.panel.title}"`,
    query: q.expr,
    legend: q.legend,
  })),
  ...dashboards.flatMap((d) =>
    d.variables.flatMap(({ name, definition }) => {
      const [, query = "", label = ""] = definition.match(/^label_values\((.+), (\w+)\)$/) ?? [];
      return [{ by: `dashboard "${d.title}", variable ${name}`, query, legend: `{{${label}}}` }];
    })
  ),
  ...(await documentQueries("promql")).map(({ file, query }) => ({ by: file, query, legend: "" })),
];

Deno.test("every PromQL query parses", () => {
  const broken = asked.flatMap(({ by, query }) =>
    parsePromQL(query).errors.map((error) => `${by}: ${error}`)
  );
  assert.deepEqual(broken, []);
});

Deno.test("every metric and label in a rule, dashboard or document exists", () => {
  const unknown = asked.flatMap(({ by, query, legend }) =>
    unknownIn(query, legend, known).map((problem) => `${by}: ${problem}`)
  );
  assert.deepEqual(unknown, []);
});

Deno.test("every window holds at least four scrapes", () => {
  const short = asked.flatMap(({ by, query }) =>
    parsePromQL(query).windows.filter((w) => windowSeconds(w) < 4 * SCRAPE_INTERVAL_S).map((w) =>
      `${by}: [${w}]`
    )
  );
  assert.deepEqual(short, []);
});

Deno.test("every le that a query picks is a bucket of its histogram", () => {
  const wrong = asked.flatMap(({ by, query }) =>
    parsePromQL(query).selectors.flatMap(({ metric, labels }) => {
      const buckets = bucketsOf(metric);
      const le = labels.get("le");
      // Prometheus 3 writes a whole number as 1.0, whatever the exposition said.
      return le === undefined || buckets.some((b) => (Number.isInteger(b) ? b.toFixed(1) : String(b)) === le)
        ? []
        : [`${by}: ${metric} has no bucket le="${le}"`];
    })
  );
  assert.deepEqual(wrong, []);
});

Deno.test("every metric of the catalogue is shown or alerted on somewhere", () => {
  const used = new Set(
    asked.flatMap(({ query }) => parsePromQL(query).selectors.map(({ metric }) => metric)),
  );
  const unused = Object.keys(CATALOGUE).filter((name) =>
    ![name, `${name}_bucket`, `${name}_sum`, `${name}_count`].some((series) => used.has(series))
  );
  assert.deepEqual(unused, [], "unused metrics");
});
