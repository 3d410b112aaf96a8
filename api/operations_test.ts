import assert from "node:assert/strict";
import { CATALOGUE } from "../core/telemetry/catalogue.ts";
import type { Keys } from "./keys.ts";
import { openTestApp } from "../tests/support/test_app.ts";

Deno.test("an API whose database is down is alive and not ready, and says which dependency is down", async () => {
  await using api = await openTestApp({ kind: "away" });
  assert.equal((await api.request("/health/live")).status, 200);
  const ready = await api.request("/health/ready");
  assert.equal(ready.status, 503);
  const { status, dependencies } = await ready.json();
  assert.equal(status, "down");
  assert.equal(dependencies.database.status, "down");
  assert.equal(dependencies.database.reason, "not reachable");
  assert.equal(typeof dependencies.database.latency_ms, "number");
  assert.match(JSON.stringify(api.lines()), /connection refused/);
});

Deno.test("/metrics exposes every metric of the catalogue, and every route's usual statuses at 0", async () => {
  await using api = await openTestApp({ kind: "away" });
  const response = await api.request("/metrics");
  assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  for (const [name, { on, type }] of Object.entries(CATALOGUE)) {
    const exposed = text.includes(`# TYPE ${name} ${type}\n`);
    assert.equal(exposed, (on as readonly string[]).includes("api"), name);
  }
  for (
    const series of [
      'http_requests_total{method="POST",route="/thoughts",status="201"} 0',
      'http_requests_total{method="POST",route="/thoughts",status="500"} 0',
      'http_requests_total{method="GET",route="/thoughts/:id",status="404"} 0',
      'http_requests_inprogress{method="DELETE",route="/thoughts/:id"} 0',
      'http_request_duration_seconds_count{method="POST",route="/thoughts",status="201"} 0',
      'http_request_duration_seconds_bucket{le="+Inf",method="POST",route="/thoughts",status="201"} 0',
      "thoughts_accepted_total 0",
      'alert_notifications_total{severity="critical",status="firing"} 0',
    ]
  ) {
    const [name, labels] = series.split("{");
    assert.ok(text.includes(series) || text.includes(`${name}{${labels}`), series);
  }
});

Deno.test("/metrics speaks OpenMetrics when asked, again and again", async () => {
  await using api = await openTestApp({ kind: "away" });
  for (let round = 0; round < 2; round++) {
    const response = await api.request("/metrics", {
      headers: { accept: "application/openmetrics-text;version=1.0.0" },
    });
    assert.match(response.headers.get("content-type")!, /^application\/openmetrics-text/);
    const text = await response.text();
    assert.match(text, /^# TYPE http_requests counter$/m);
    assert.match(text, /# EOF\n$/);
    assert.match(await (await api.request("/metrics")).text(), /^# TYPE http_requests_total counter$/m);
  }
});

Deno.test("unforeseen paths and methods create no series", async () => {
  await using api = await openTestApp({ kind: "away" });
  const series = async () => (await api.metrics.expose()).body.split("\n").length;
  await api.request("/first-scan", { method: "PROPFIND" });
  const before = await series();
  for (let n = 0; n < 100; n++) await api.request(`/scan/${n}`, { method: `METHOD${n}` });
  assert.equal(await series(), before);
  assert.equal(await api.metric('http_requests_total{method="OTHER",route="unmatched",status="404"}'), 101);
});

Deno.test("one access line per request; health and metrics are quiet", async () => {
  await using api = await openTestApp({ kind: "away" });
  const response = await api.request("/thoughts/1?canary=1");
  await api.request("/health/live");
  await api.request("/metrics");
  const lines = api.lines().filter((line) => line.msg === "request");
  assert.deepEqual(lines.map((line) => [line.level, line.method, line.route, line.status]), [
    ["INFO", "GET", "/thoughts/:id", 400],
    ["DEBUG", "GET", "/health/live", 200],
    ["DEBUG", "GET", "/metrics", 200],
  ]);
  assert.equal(lines[0]!.request_id, response.headers.get("x-request-id"));
  assert.equal(typeof lines[0]!.duration_ms, "number");
});

Deno.test("HEAD is GET without a body, and OPTIONS tells the methods", async () => {
  await using api = await openTestApp({ kind: "away" });
  const head = await api.request("/openapi.json", { method: "HEAD" });
  assert.equal(head.status, 200);
  assert.equal(await head.text(), "");
  const options = await api.request("/thoughts/01890a5d-ac96-774b-bcce-b302099a8057", { method: "OPTIONS" });
  assert.equal(options.status, 204);
  assert.equal(options.headers.get("allow"), "GET, DELETE, HEAD, OPTIONS");
});

Deno.test("/metrics counts the keys by state, and 0 without keys", async () => {
  const states = (body: string) =>
    Object.fromEntries(
      [...body.matchAll(/^api_keys\{state="(\w+)"\} (\d+)$/gm)].map(([, state, n]) => [state, n]),
    );
  const keys: Keys = {
    find: () => undefined,
    counts: () => ({ valid: 3, expired: 2, broken: 1 }),
    [Symbol.dispose]() {},
  };
  await using keyed = await openTestApp({ kind: "away", access: { keys } });
  const exposed = await (await keyed.request("/metrics")).text();
  assert.deepEqual(states(exposed), { valid: "3", expired: "2", broken: "1" });
  await using open = await openTestApp({ kind: "away" });
  assert.deepEqual(states(await (await open.request("/metrics")).text()), {
    valid: "0",
    expired: "0",
    broken: "0",
  });
});
