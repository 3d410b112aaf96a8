/**
 * An API and a worker that have done nothing yet report what the objectives count: otherwise SLOMetricAbsent
 * would fire on a stack that nobody uses.
 */
import assert from "node:assert/strict";
import { createMetrics } from "../../core/telemetry/metrics.ts";
import { CATALOGUE } from "../../core/telemetry/catalogue.ts";
import { parsePromQL } from "../../stack/dashboards/promql.ts";
import { openTestApp } from "../support/test_app.ts";
import { readRules } from "./rules.ts";

/** Set from the store, once it can be read. */
const GAUGES_OF_THE_STORE = ["batch_processor_oldest_waiting_seconds"];

Deno.test("what an objective counts is there, at 0, before anything has happened", async () => {
  await using api = await openTestApp({ kind: "away" });
  const response = await api.request("/metrics");
  const exposed = [await response.text(), (await createMetrics("worker", "1").expose()).body].join("\n");
  const counted = (await readRules())
    .filter(({ record }) => record === "slo:events:rate5m")
    .flatMap(({ expr }) => parsePromQL(expr).selectors.map(({ metric }) => metric))
    .filter((metric) => isOurs(metric) && !GAUGES_OF_THE_STORE.includes(metric));
  assert.ok(counted.length >= 4, `${counted}`);
  for (const metric of counted) {
    if (metric.startsWith("canary_")) continue;
    assert.match(exposed, new RegExp(`^${metric}(\\{.*\\})? 0$`, "m"), metric);
  }
});

function isOurs(metric: string): boolean {
  return metric.replace(/_(count|sum|bucket)$/, "") in CATALOGUE;
}
