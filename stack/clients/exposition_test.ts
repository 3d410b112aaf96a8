/** What services return at /metrics, as several clients write it. */
import assert from "node:assert/strict";
import { parseExposition } from "./exposition.ts";

const samplesOf = (text: string) => [...parseExposition(text).values()].flatMap(({ samples }) => samples);

Deno.test("parseExposition() reads Prometheus's text format", () => {
  const families = parseExposition(`# HELP http_requests_total Requests, "all" of them.
# TYPE http_requests_total counter
http_requests_total{method="GET",path="/a,b}c",} 3 1700000000000
http_requests_total{method="POST", path="say \\"hi\\"\\n\\\\"} 1e3

# just a comment
untyped_thing   NaN
# TYPE latency_seconds histogram
latency_seconds_bucket{le="+Inf"} 4
latency_seconds_sum 1.5
latency_seconds_count 4
`);
  assert.deepEqual([...families.keys()], ["http_requests_total", "untyped_thing", "latency_seconds"]);
  const { type, help, samples } = families.get("http_requests_total")!;
  assert.deepEqual([type, help], ["counter", 'Requests, "all" of them.']);
  assert.deepEqual(samples.map(({ labels, value }) => [labels.path, value]), [
    ["/a,b}c", 3],
    ['say "hi"\n\\', 1_000],
  ]);
  assert.ok(Number.isNaN(families.get("untyped_thing")!.samples[0]!.value));
  assert.deepEqual(
    families.get("latency_seconds")!.samples.map(({ name }) => name),
    ["latency_seconds_bucket", "latency_seconds_sum", "latency_seconds_count"],
  );
});

Deno.test("parseExposition() reads OpenMetrics: exemplars, counters by their base name, units, the end", () => {
  const families = parseExposition(`# TYPE http_requests counter
# UNIT http_requests requests
http_requests_total{code="200"} 7 # {trace_id="abc"} 1.0 1700000000.123
http_requests_created{code="200"} 1.7e9
# EOF
`);
  const [total] = families.get("http_requests")!.samples;
  assert.deepEqual([total!.name, total!.value, total!.exemplar], ["http_requests_total", 7, true]);
});

Deno.test("parseExposition() reads names in quotes, as Prometheus 3 writes them", () => {
  const [sample] = samplesOf('{"http.server.request.duration_count","http.route"="/a"} 2\n');
  assert.deepEqual(
    [sample!.name, sample!.labels, sample!.value],
    ["http.server.request.duration_count", { "http.route": "/a" }, 2],
  );
});

Deno.test("parseExposition() refuses what is not metrics, and quotes it", () => {
  const wrong = ["<!doctype html>", '{"status": "ok"}', "a{b} 1", 'a{b="c" 1', "a", "a b", 'a{b="c"x="d"} 1'];
  for (const text of wrong) assert.throws(() => parseExposition(text), SyntaxError, text);
});

Deno.test("parseExposition() tells two families of one name apart, as Go's client writes them", () => {
  const families = parseExposition(`# TYPE go_memstats_alloc_bytes gauge
go_memstats_alloc_bytes 5
# TYPE go_memstats_alloc_bytes counter
go_memstats_alloc_bytes_total 9
# EOF
`);
  const all = [...families.values()].map(({ name, type, samples }) => [name, type, samples[0]!.value]);
  assert.deepEqual(all, [["go_memstats_alloc_bytes", "gauge", 5], ["go_memstats_alloc_bytes", "counter", 9]]);
});
