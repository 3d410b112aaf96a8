import assert from "node:assert/strict";
import { createMetrics } from "../core/telemetry/metrics.ts";
import type { GateState } from "./gate.ts";
import { createOperations } from "./operations.ts";

let [active, up] = [true, true];
const OPEN: GateState = { status: "open", reason: null, since: null, blockedUntil: null, limit: 8 };
let gate = OPEN;
const app = createOperations({
  metrics: createMetrics("worker", "0"),
  readiness: () => Promise.resolve({ status: up ? "up" : "down", dependencies: {} }),
  active: () => active,
  gate: () => gate,
  lanes: { busy: () => 3 },
  relay: () => ({ blockedMs: () => 2_500 }),
});

Deno.test("a worker that runs is live, also when its dependencies are down", async () => {
  up = false;
  assert.equal((await app.request("/health/live")).status, 200);
});

Deno.test("a worker is ready while its dependencies are up, else it returns 503 with their states", async () => {
  up = true;
  assert.equal((await app.request("/health/ready")).status, 200);
  up = false;
  const response = await app.request("/health/ready");
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { status: "down", dependencies: {}, model: { status: "up" } });
});

Deno.test("a worker whose model is unavailable stays ready, and says so and since when", async () => {
  up = true;
  const since = Date.UTC(2026, 0, 2, 3, 4, 5);
  for (const status of ["closed", "probing"] as const) {
    gate = { ...OPEN, status, reason: "outage", since };
    const response = await app.request("/health/ready");
    assert.equal(response.status, 200);
    const { model } = await response.json();
    assert.deepEqual(model, { status: "degraded", reason: "outage", since: "2026-01-02T03:04:05.000Z" });
  }
  gate = OPEN;
});

Deno.test("active_workers is read at each scrape", async () => {
  for (active of [true, false, true]) {
    const text = await (await app.request("/metrics")).text();
    assert.match(text, new RegExp(`^batch_processor_active_workers ${active ? 1 : 0}$`, "m"));
  }
});

Deno.test("the gate is read at each scrape: why it is closed, since when, and how many lanes it leaves", async () => {
  gate = { ...OPEN, status: "closed", reason: "paused", since: 5_000, limit: 3 };
  const closed = await (await app.request("/metrics")).text();
  assert.match(closed, /^batch_processor_gate_closed\{reason="paused"\} 1$/m);
  assert.match(closed, /^batch_processor_gate_closed\{reason="outage"\} 0$/m);
  assert.match(closed, /^batch_processor_gate_closed_timestamp_seconds 5$/m);
  assert.match(closed, /^batch_processor_gate_lanes 3$/m);
  gate = OPEN;
  const open = await (await app.request("/metrics")).text();
  assert.match(open, /^batch_processor_gate_closed\{reason="paused"\} 0$/m);
  assert.match(open, /^batch_processor_gate_closed_timestamp_seconds 0$/m);
});

Deno.test("metrics come in the format that the scraper asks for", async () => {
  const open = await app.request("/metrics", {
    headers: { accept: "application/openmetrics-text; version=1.0.0" },
  });
  assert.match(open.headers.get("content-type")!, /^application\/openmetrics-text/);
  assert.match((await app.request("/metrics")).headers.get("content-type")!, /^text\/plain/);
});
