import assert from "node:assert/strict";
import type { Pause } from "../../core/store/pauses.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { createOpenGate } from "../gate.ts";
import { createPausableGate } from "./pausable.ts";

const log = createLogger({ service: "test", write: () => {} });
const PAUSE: Pause = { author: "ops", reason: "maintenance", since: 1_000 };

function openPausable(pause: Pause | null = null) {
  const store: { pause: Pause | null; away: boolean; asked: number } = { pause, away: false, asked: 0 };
  const inner = { ...createOpenGate({ lanes: 8 }), givenBack: 0 };
  inner.giveBack = (count: number) => void (inner.givenBack += count);
  const current = () => {
    store.asked++;
    return store.away ? Promise.reject(new Error("away")) : Promise.resolve(store.pause);
  };
  return { store, inner, gate: createPausableGate({ gate: inner, pauses: { current }, log, everyMs: 5 }) };
}

Deno.test("a pause holds the gate shut, says since when, and its end lets work begin", async () => {
  const { store, gate: opened } = openPausable();
  await using gate = opened;
  const { signal } = new AbortController();
  assert.equal(await gate.enter(3, signal), 3);

  store.pause = PAUSE;
  await waitFor("the pause", () => gate.state().status === "closed");
  assert.deepEqual([gate.state().reason, gate.state().since], ["paused", 1_000]);
  let entered: number | undefined;
  const entering = gate.enter(3, signal).then((count) => entered = count);
  const asked = store.asked;
  await waitFor("some more looks", () => store.asked > asked + 3);
  assert.equal(entered, undefined, "nothing begins while it lasts");

  store.away = true;
  await waitFor("polls that find nothing", () => store.asked > asked + 4);
  assert.equal(gate.state().reason, "paused", "an outage of the store ends no pause");
  Object.assign(store, { pause: null, away: false });
  assert.equal(await entering, 3);
  assert.equal(gate.state().status, "open");
});

Deno.test("nothing begins before the store has said that no pause is in force", async () => {
  const { gate: opened } = openPausable(PAUSE);
  await using gate = opened;
  const stop = new AbortController();
  const entering = gate.enter(1, stop.signal);
  await waitFor("the pause", () => gate.state().reason === "paused");
  stop.abort();
  assert.equal(await entering, 0);
});

Deno.test("what entered while the pause came is given back", async () => {
  const { store, inner, gate: opened } = openPausable();
  await using gate = opened;
  const { signal } = new AbortController();
  assert.equal(await gate.enter(1, signal), 1);
  const inside = Promise.withResolvers<number>();
  inner.enter = () => inside.promise;
  const entering = gate.enter(2, signal);
  store.pause = PAUSE;
  await waitFor("the pause", () => gate.state().reason === "paused");
  inside.resolve(2);
  await waitFor("the return", () => inner.givenBack === 2);
  inner.enter = (most) => Promise.resolve(most);
  store.pause = null;
  assert.equal(await entering, 2);
});
