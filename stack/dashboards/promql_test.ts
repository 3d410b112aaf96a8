/** What the parser finds in an expression. */
import assert from "node:assert/strict";
import { metricsOf, parsePromQL, windowSeconds } from "./promql.ts";

Deno.test("metricsOf() finds the metrics of an expression, and nothing else", () => {
  const cases: [string, string[]][] = [
    ['sum by (method, route) (rate(http_requests_total{instance=~".*", route="/x"}[5m]))', [
      "http_requests_total",
    ]],
    ["a:b:rate5m / on (job) group_left (x) (c_total offset 5m > 0)", ["a:b:rate5m", "c_total"]],
    ["histogram_quantile(0.95, sum by (le) (rate(d_bucket[1m])))", ["d_bucket"]],
    ["count(up == 0) or vector(0)", ["up"]],
    ['predict_linear(e_bytes[6h], 3 * 86400) and e_bytes{a="it\'s }"} < bool 1e3', ["e_bytes"]],
    ["sum(rate(bool_total[5m])) or rate(bool_total[5m] offset 1h)", ["bool_total"]],
  ];
  for (const [expr, metrics] of cases) assert.deepEqual(metricsOf(expr), metrics, expr);
});

Deno.test("parsePromQL() finds limits, windows, groupings and quantiles", () => {
  const { limits, windows, groupings, quantiles, errors } = parsePromQL(
    "histogram_quantile(0.95, sum by (le, job) (rate(d_bucket[5m]))) > 1.5 unless on (job) up == 0",
  );
  assert.deepEqual(limits, [{ op: ">", value: 1.5 }, { op: "==", value: 0 }]);
  assert.deepEqual([windows, groupings, quantiles, errors], [["5m"], ["le", "job", "job"], [
    { metrics: ["d_bucket"] },
  ], []]);
});

Deno.test("parsePromQL() names the piece that does not parse", () => {
  assert.match(parsePromQL("sum(rate(x[5m])").errors[0]!, /^at \d+: /);
});

Deno.test("windowSeconds() reads windows, and refuses what is not one", () => {
  assert.deepEqual(["30s", "5m", "6h", "3d"].map(windowSeconds), [30, 300, 21_600, 259_200]);
  assert.throws(() => windowSeconds("5 minutes"), SyntaxError);
});
