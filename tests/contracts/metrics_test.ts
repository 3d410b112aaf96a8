/** Every query names metrics and labels that exist, in PromQL that parses. */
import assert from "node:assert/strict";
import { CATALOGUE } from "../../core/telemetry/catalogue.ts";
import { queriesOf, readDashboards } from "../../stack/dashboards/model.ts";
import { documentQueries } from "./documents.ts";
import { bucketsOf, knownMetrics, unknownIn } from "./known_metrics.ts";
import { parsePromQL, windowSeconds } from "../../stack/dashboards/promql.ts";
import { readRules } from "./rules.ts";

const SCRAPE_INTERVAL_S = 15;
/** What a counter may be given to: these know that a restart sets it to 0. */
const RATES = ["rate", "irate", "increase"];
/** Counters of which something else than their growth is asked, with the reason. */
const READ_AS_THEY_ARE = [
  "loki_discarded_samples_total", // its first sample is a loss too (decision 22)
  "tempo_discarded_spans_total",
  "node_cpu_seconds_total", // one series per core: they are counted
];

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

Deno.test("a counter is read by its growth, and nothing else is: not a gauge, and not a sum that forgot restarts", () => {
  const wrong = asked.filter(({ by }) => !by.includes(", variable ")).flatMap(({ by, query }) =>
    parsePromQL(query).selectors.flatMap(({ metric, within: [call = ""] }) => {
      const type = typeOf(metric);
      const isRated = RATES.includes(call);
      if (type === "counter" && !isRated && !READ_AS_THEY_ARE.includes(metric)) {
        return [`${by}: the counter ${metric} is not within rate() or increase()`];
      }
      const isOther = type === "gauge" || type === "recorded";
      return isOther && isRated ? [`${by}: ${call}() of ${metric}, a ${type} series`] : [];
    })
  );
  assert.deepEqual(wrong, []);
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

/** What is known of a series by its name; exporters call some counters as gauges are called. */
function typeOf(metric: string): "counter" | "gauge" | "recorded" | "unknown" {
  if (metric.includes(":")) return "recorded";
  const declared = CATALOGUE[metric as keyof typeof CATALOGUE];
  if (declared !== undefined) return declared.type === "counter" ? "counter" : "gauge";
  return /_(total|bucket)$/.test(metric) ? "counter" : "unknown";
}
