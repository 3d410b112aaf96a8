import assert from "node:assert/strict";
import { createWindow } from "./window.ts";

function setUp(capacity: number) {
  const state = { backlog: 0, busy: 0, taken: 0, now: 0 };
  const window = createWindow({
    queue: { backlog: () => Promise.resolve(state.backlog) },
    capacity,
    busy: () => state.busy,
    taken: () => state.taken,
    now: () => state.now,
  });
  return { state, window };
}

Deno.test("a few lanes have a quarter of them ahead, whatever waits", async () => {
  const { state, window } = setUp(8);
  assert.equal(await window.room(), 2);
  for (let second = 0; second < 20; second++) {
    Object.assign(state, { now: second * 1_000, taken: second * 4, busy: 8, backlog: 0 });
    assert.ok(await window.room() <= 8, "never more than a second of such work");
  }
  state.backlog = 100;
  assert.equal(await window.room(), 0);
});

Deno.test("a fast analyser has half a second of its work ahead", async () => {
  const { state, window } = setUp(1_000);
  let room = 0;
  for (let half = 0; half < 40; half++) {
    Object.assign(state, { now: half * 500, taken: half * 10_000, busy: 1_000, backlog: 0 });
    room = await window.room();
  }
  assert.ok(room > 9_000 && room < 11_000, `${room}`);
});

Deno.test("lanes that idle while nothing is on its way make the window grow, up to two seconds of work", async () => {
  const { state, window } = setUp(1_000);
  let room = 0;
  for (let tenth = 0; tenth < 100; tenth++) {
    Object.assign(state, { now: tenth * 100, taken: tenth * 500, busy: 0, backlog: 0 });
    room = await window.room();
  }
  assert.ok(room > 5_000 && room <= 11_000, `${room}`);
});

Deno.test("nothing is published for a consumer that is given nothing", async () => {
  const { state, window } = setUp(8);
  state.backlog = Infinity;
  assert.equal(await window.room(), 0);
});
