/** The event loop's lag, seen when the loop is blocked. */
import assert from "node:assert/strict";
import { waitFor } from "../../tests/support/wait.ts";
import { observeEventLoop } from "./event_loop.ts";
import { createMetrics, type Metrics } from "./metrics.ts";

/** Keeps the loop busy, as a long computation does. */
function block(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

Deno.test("a loop blocked for 400 ms shows up in the buckets above 0.25 s", async () => {
  const metrics = createMetrics("api", "0");
  using _ = observeEventLoop(metrics.app_event_loop_lag_seconds);
  await waitFor("a tick", async () => await counted(metrics, "+Inf") > 0);
  block(400);
  await waitFor("a late tick", async () => await counted(metrics, "0.25") < await counted(metrics, "+Inf"));
});

Deno.test("ticks that a blocked loop swallowed are counted with what was left of their wait", async () => {
  const seen: number[] = [];
  using _ = observeEventLoop({ observe: ({ value }) => seen.push(value) }, { everyMs: 50 });
  await waitFor("a tick", () => seen.length > 0);
  seen.length = 0;
  block(500);
  await waitFor("a late tick", () => seen.length > 0);
  assert.ok(seen.length >= 8, `${seen.length} observations for 10 ticks`);
  assert.deepEqual(seen, seen.toSorted((a, b) => b - a), "each waited less than the one before");
});

Deno.test("a machine that slept has no lag", async () => {
  const seen: number[] = [];
  let skew = 0;
  using _ = observeEventLoop({ observe: ({ value }) => seen.push(value) }, {
    everyMs: 10,
    now: () => performance.now() + skew,
  });
  await waitFor("a tick", () => seen.length > 0);
  skew = 3_600_000;
  const before = seen.length;
  await waitFor("ticks after the sleep", () => seen.length > before + 2);
  assert.ok(Math.max(...seen) < 60, `${Math.max(...seen)} s`);
});

/** Observations in the buckets up to a bound. */
async function counted(metrics: Metrics<"api">, le: string): Promise<number> {
  const { body } = await metrics.expose();
  return Number(body.split(`app_event_loop_lag_seconds_bucket{le="${le}"} `)[1]?.split("\n")[0] ?? 0);
}
