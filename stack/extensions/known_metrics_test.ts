/** What is recognised in the metrics of common client libraries, and what is made of it. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { parseExposition } from "../clients/exposition.ts";
import { parsePromQL } from "../dashboards/promql.ts";
import { recognise } from "./known_metrics.ts";
import { serviceFiles } from "./service_files.ts";

const of = (text: string) => recognise(parseExposition(text));

/** Every expression of the files of a service with these metrics. */
function expressions(text: string): { rules: Map<string, string>; panels: Map<string, string[]> } {
  const { requests, process } = of(text);
  const url = new URL("http://localhost:3000/metrics");
  const files = serviceFiles({
    name: "shop",
    url,
    target: "x:1",
    process,
    typed: true,
    ...(requests && { requests }),
  });
  const [{ rules }] = parse(files.get("rules/shop.yml")!).groups as [
    { rules: { alert: string; expr: string }[] },
  ];
  const { panels } = JSON.parse(files.get("dashboards/shop.json")!) as {
    panels: { title: string; targets?: { expr: string }[] }[];
  };
  return {
    rules: new Map(rules.map(({ alert, expr }) => [alert, expr])),
    panels: new Map(panels.map(({ title, targets = [] }) => [title, targets.map(({ expr }) => expr)])),
  };
}

const OPEN_TELEMETRY = `# TYPE http_server_request_duration_seconds histogram
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="0.75"} 1
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="1"} 1
http_server_request_duration_seconds_bucket{http_request_method="GET",http_route="/a",http_response_status_code="200",le="+Inf"} 1
http_server_request_duration_seconds_sum{http_request_method="GET",http_route="/a",http_response_status_code="200"} 0.1
http_server_request_duration_seconds_count{http_request_method="GET",http_route="/a",http_response_status_code="200"} 1
`;
const MICROMETER = `# TYPE http_server_requests_seconds summary
http_server_requests_seconds_count{exception="None",method="GET",outcome="SUCCESS",status="200",uri="/a"} 2
http_server_requests_seconds_sum{exception="None",method="GET",outcome="SUCCESS",status="200",uri="/a"} 0.2
# TYPE jvm_memory_used_bytes gauge
jvm_memory_used_bytes{area="heap",id="Eden"} 1e6
# TYPE process_cpu_usage gauge
process_cpu_usage 0.02
`;
/** prometheus-fastapi-instrumentator: statuses by class, and only on the counter. */
const FASTAPI = `# TYPE python_gc_collections_total counter
python_gc_collections_total{generation="0"} 9
# TYPE http_requests_total counter
http_requests_total{handler="/a",method="GET",status="2xx"} 5
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{handler="/a",le="0.5",method="GET"} 5
http_request_duration_seconds_bucket{handler="/a",le="+Inf",method="GET"} 5
http_request_duration_seconds_sum{handler="/a",method="GET"} 1
http_request_duration_seconds_count{handler="/a",method="GET"} 5
`;
const MILLISECONDS = `# TYPE http_server_duration_milliseconds histogram
http_server_duration_milliseconds_bucket{http_method="GET",http_route="/a",http_status_code="200",le="1000"} 1
http_server_duration_milliseconds_bucket{http_method="GET",http_route="/a",http_status_code="200",le="+Inf"} 1
http_server_duration_milliseconds_sum{http_method="GET",http_route="/a",http_status_code="200"} 12
http_server_duration_milliseconds_count{http_method="GET",http_route="/a",http_status_code="200"} 1
`;
const GO_WITHOUT_HTTP = `# TYPE go_goroutines gauge
go_goroutines 8
# TYPE promhttp_metric_handler_requests_total counter
promhttp_metric_handler_requests_total{code="200"} 4
# TYPE process_cpu_seconds_total counter
process_cpu_seconds_total 0.5
`;

Deno.test("OpenTelemetry's HTTP conventions are recognised, before the first request too", () => {
  const { requests, found } = of(OPEN_TELEMETRY);
  assert.deepEqual(found.slice(0, 1), ["OpenTelemetry HTTP conventions: 1 metric"]);
  assert.deepEqual([requests?.status, requests?.route, requests?.method], [
    "http_response_status_code",
    "http_route",
    "http_request_method",
  ]);
  const early = of("# TYPE http_server_request_duration_seconds histogram\n");
  assert.deepEqual(early.requests?.route, "http_route");
  assert.match(expressions(OPEN_TELEMETRY).rules.get("ServiceSlow")!, / > 1 and /);
});

Deno.test("Micrometer without buckets has a mean in place of quantiles", () => {
  const { requests, found } = of(MICROMETER);
  assert.deepEqual([requests?.status, requests?.route, requests?.durations?.buckets], [
    "status",
    "uri",
    false,
  ]);
  assert.ok(found.includes("Micrometer: 2 metrics"));
  const { rules, panels } = expressions(MICROMETER);
  assert.match(rules.get("ServiceSlow")!, /_sum\{.*\/ sum.*_count/);
  assert.ok(panels.has("Mean duration") && panels.has("CPU") && panels.has("Memory"));
});

Deno.test("a status that only a counter knows is taken from there, as 200 or as 2xx", () => {
  const { requests } = of(FASTAPI);
  assert.deepEqual([requests?.counter, requests?.status, requests?.route], [
    "http_requests_total",
    "status",
    "handler",
  ]);
  assert.match(expressions(FASTAPI).rules.get("ServiceErrors")!, /http_requests_total\{[^}]*status=~"5\.\."/);
});

Deno.test("milliseconds are told in seconds, and the limit too", () => {
  const { rules, panels } = expressions(MILLISECONDS);
  assert.match(rules.get("ServiceSlow")!, / \/ 1000 > 1 and /);
  assert.match(panels.get("Duration p95")![0]!, /\/ 1000$/);
});

Deno.test("OpenTelemetry's exporter for Node.js, which leaves the unit out of the name, is recognised", () => {
  const bare = (text: string, name: string, unit: string) => text.replaceAll(`${name}_${unit}`, name);
  const stable = bare(OPEN_TELEMETRY, "http_server_request_duration", "seconds");
  assert.equal(of(stable).requests?.status, "http_response_status_code");
  assert.match(expressions(stable).rules.get("ServiceSlow")!, /duration_bucket\{.* > 1 and /);
  const old = bare(MILLISECONDS, "http_server_duration", "milliseconds");
  assert.equal(of(old).requests?.status, "http_status_code");
  assert.match(expressions(old).rules.get("ServiceSlow")!, /duration_bucket\{.* \/ 1000 > 1 and /);
  for (const text of [stable, old]) assert.match(of(text).found[0]!, /^OpenTelemetry HTTP conventions: 1/);
});

Deno.test("a counter's time of birth is not taken for the counter", () => {
  const { requests } = of(`# TYPE http_requests counter
http_requests_created{code="200"} 1.7e9
http_requests_total{code="200"} 7
# EOF
`);
  assert.equal(requests?.counter, "http_requests_total");
});

Deno.test("a service without HTTP is watched by what it has", () => {
  const { rules, panels } = expressions(GO_WITHOUT_HTTP);
  assert.deepEqual([...rules.keys()], ["ServiceDown"]);
  assert.ok(panels.has("Goroutines") && panels.has("CPU") && !panels.has("Rate"));
});

Deno.test("labels that nobody has seen yet are not guessed", () => {
  assert.equal(of("# TYPE http_request_duration_seconds histogram\n").awaitsRequest, true);
  assert.equal(of(OPEN_TELEMETRY).awaitsRequest, false);
});

Deno.test("every expression parses, whatever was recognised", () => {
  for (const text of [OPEN_TELEMETRY, MICROMETER, FASTAPI, MILLISECONDS, GO_WITHOUT_HTTP]) {
    const { rules, panels } = expressions(text);
    const all = [...rules.values(), ...[...panels.values()].flat()].filter((expr) => expr !== undefined);
    for (const expr of all) {
      const query = expr.replaceAll("$__rate_interval", "1m");
      assert.deepEqual(parsePromQL(query).errors, [], query);
    }
  }
});
