import assert from "node:assert/strict";
import { createMetrics } from "./metrics.ts";
import { CATALOGUE } from "./catalogue.ts";

const OPENMETRICS = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5";

Deno.test("the catalogue keeps to Prometheus's rules for names", () => {
  for (const [name, { type, help }] of Object.entries(CATALOGUE)) {
    assert.match(name, /^[a-z][a-z0-9_]*$/);
    if (type === "counter") assert.match(name, /_total$/, "a counter says so");
    else assert.doesNotMatch(name, /_total$/);
    assert.match(help, /^[A-Z1].*[.)]$/, `${name}: help is a sentence`);
  }
});

Deno.test("buckets rise, and those of processing time go to 120 s", () => {
  for (const [name, metric] of Object.entries(CATALOGUE)) {
    if (!("buckets" in metric)) continue;
    const buckets: readonly number[] = metric.buckets;
    assert.deepEqual(buckets, buckets.toSorted((a, b) => a - b), name);
  }
  assert.equal(CATALOGUE.batch_processor_processing_duration_seconds.buckets.at(-1), 120);
});

Deno.test("each process has its own metrics and not the other's", async () => {
  const api = (await createMetrics("api", "1.2.3").expose()).body;
  const worker = (await createMetrics("worker", "1.2.3").expose()).body;
  assert.match(api, /^# TYPE http_requests_total counter$/m);
  assert.doesNotMatch(api, /batch_processor_/);
  assert.match(worker, /^# TYPE batch_processor_queue_size gauge$/m);
  assert.doesNotMatch(worker, /http_requests_total/);
  assert.match(worker, /^app_build_info\{service="worker",version="1\.2\.3",deno="[\d.]+"\} 1$/m);
  assert.match(worker, /^app_resident_memory_bytes \d{7,}$/m);
});

Deno.test("exemplars come in OpenMetrics only, and without one nothing is added", async () => {
  const metrics = createMetrics("worker", "0");
  const duration = metrics.batch_processor_processing_duration_seconds;
  duration.observe({ value: 0.02, exemplarLabels: { trace_id: "abc" } });
  duration.observe({ value: 4, exemplarLabels: {} });
  const { body, contentType } = await metrics.expose(OPENMETRICS);
  assert.match(contentType, /openmetrics/);
  assert.match(body, /_bucket\{le="0\.05"\} 1 # \{trace_id="abc"\} 0\.02 /);
  assert.match(body, /_bucket\{le="5(\.0)?"\} 2(?! # \{trace_id)/);
  assert.doesNotMatch((await metrics.expose("text/plain")).body, / # \{/);
});

Deno.test("formats may be asked for in turn and at once: each answer is whole and in its own", async () => {
  const metrics = createMetrics("worker", "0");
  metrics.batch_processor_thoughts_processed_total.inc(3);
  const accepts = [OPENMETRICS, "", OPENMETRICS, "*/*", "", OPENMETRICS];
  const answers = await Promise.all(accepts.map((accept) => metrics.expose(accept)));
  answers.push(...[await metrics.expose(""), await metrics.expose(OPENMETRICS)]);
  [...accepts, "", OPENMETRICS].forEach((accept, at) => {
    const { body, contentType } = answers[at]!;
    const open = accept === OPENMETRICS;
    assert.equal(contentType.includes("openmetrics"), open);
    assert.equal(body.endsWith("# EOF\n"), open);
    const family = open ? "batch_processor_thoughts_processed" : "batch_processor_thoughts_processed_total";
    assert.match(body, new RegExp(`^# TYPE ${family} counter$`, "m"));
    assert.match(body, /^batch_processor_thoughts_processed_total 3$/m);
  });
});

Deno.test("metrics made twice do not share their numbers", async () => {
  const [one, other] = [createMetrics("api", "0"), createMetrics("api", "0")];
  one.thoughts_accepted_total.inc(5);
  assert.match((await other.expose()).body, /^thoughts_accepted_total 0$/m);
});
