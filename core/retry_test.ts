import assert from "node:assert/strict";
import { backoffMs, pause, repeat } from "./retry.ts";
import { createLogger } from "./telemetry/log.ts";

const lines: string[] = [];
const log = createLogger({ service: "test", write: (written) => lines.push(written) });

Deno.test("pause() ends early when the signal aborts, at once when it has", async () => {
  const stop = new AbortController();
  const paused = pause(60_000, stop.signal);
  stop.abort();
  await paused;
  await pause(60_000, stop.signal);
});

Deno.test("back-off doubles up to its limit and never falls below half of it", () => {
  for (const [failures, full] of [[0, 100], [1, 200], [2, 400], [3, 500], [60, 500], [2_000, 500]] as const) {
    const drawn = Array.from({ length: 200 }, () => backoffMs(failures, { firstMs: 100, maxMs: 500 }));
    assert.ok(Math.min(...drawn) >= full / 2 && Math.max(...drawn) <= full, `${failures}: ${drawn}`);
    assert.ok(new Set(drawn).size > 10, "with jitter");
  }
});

Deno.test("repeat() runs a step after the pause it asks for, until the signal aborts", async () => {
  const stop = new AbortController();
  let runs = 0;
  await repeat("counting", { log, signal: stop.signal }, () => {
    if (++runs === 3) stop.abort();
    return Promise.resolve(runs === 3 ? 60_000 : 0);
  });
  assert.equal(runs, 3);
});

Deno.test("repeat() logs a step that fails, with its name and why, and tries again", async () => {
  const stop = new AbortController();
  let runs = 0;
  await repeat("relay", { log, signal: stop.signal, maxBackoffMs: 1 }, () => {
    if (++runs < 3) return Promise.reject(new Error("Kafka is down"));
    stop.abort();
    return Promise.resolve(0);
  });
  log.flush();
  assert.equal(runs, 3);
  assert.equal(lines.join("").match(/"relay failed, trying again".*"reason":"Kafka is down"/g)?.length, 2);
});

Deno.test("repeat() does not run with a signal aborted before, nor complain of a step that the stop broke off", async () => {
  lines.length = 0;
  await repeat("never", { log, signal: AbortSignal.abort() }, () => assert.fail("it ran"));
  const stop = new AbortController();
  await repeat("broken off", { log, signal: stop.signal }, () => {
    stop.abort();
    return Promise.reject(new Error("closed"));
  });
  log.flush();
  assert.deepEqual(lines, []);
});
