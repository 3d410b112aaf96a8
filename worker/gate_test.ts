import assert from "node:assert/strict";
import { createOpenGate } from "./gate.ts";

Deno.test("an open gate lets through as many as are asked for, until the signal aborts", async () => {
  await using gate = createOpenGate({ lanes: 8 });
  const stop = new AbortController();
  assert.equal(await gate.enter(5, stop.signal), 5);
  assert.deepEqual([gate.state().status, gate.lanes()], ["open", 8]);
  stop.abort();
  assert.equal(await gate.enter(5, stop.signal), 0);
});
