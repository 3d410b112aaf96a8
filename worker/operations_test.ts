import assert from "node:assert/strict";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { createOperations } from "./operations.ts";

let [active, up] = [true, true];
const app = createOperations({
  metrics: createMetrics("worker", "0"),
  readiness: () => Promise.resolve({ status: up ? "up" : "down", dependencies: {} }),
  active: () => active,
});

Deno.test("a worker that runs is live, also when its dependencies are down", async () => {
  up = false;
  assert.equal((await app.request("/health/live")).status, 200);
});

Deno.test("a worker is ready while its dependencies are up, else it answers 503 with their states", async () => {
  up = true;
  assert.equal((await app.request("/health/ready")).status, 200);
  up = false;
  const response = await app.request("/health/ready");
  assert.equal(response.status, 503);
  assert.deepEqual(await response.json(), { status: "down", dependencies: {} });
});

Deno.test("active_workers is asked at each scrape", async () => {
  for (active of [true, false, true]) {
    const text = await (await app.request("/metrics")).text();
    assert.match(text, new RegExp(`^batch_processor_active_workers ${active ? 1 : 0}$`, "m"));
  }
});

Deno.test("metrics come in the format that the scraper asks for", async () => {
  const open = await app.request("/metrics", {
    headers: { accept: "application/openmetrics-text; version=1.0.0" },
  });
  assert.match(open.headers.get("content-type")!, /^application\/openmetrics-text/);
  assert.match((await app.request("/metrics")).headers.get("content-type")!, /^text\/plain/);
});
