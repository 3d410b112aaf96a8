import assert from "node:assert/strict";
import type { Inserted, Insertion } from "../core/store/thoughts.ts";
import { createIntake } from "./intake.ts";
import { Problem } from "./problem.ts";

function thought(id: string, text = "x"): Insertion {
  return {
    id,
    userId: "ada",
    text,
    context: null,
    idempotencyKey: null,
    requestHash: null,
    priority: "interactive",
    flow: "",
    traceparent: null,
  };
}

/** A store whose inserts end when the test says so. */
function slowStore() {
  const batches: { ids: string[]; finish: () => void; fail: (error: Error) => void }[] = [];
  const insert = (thoughts: readonly Insertion[]) =>
    new Promise<Inserted[]>((resolve, reject) => {
      const ids = thoughts.map(({ id }) => id);
      batches.push({
        ids,
        finish: () => resolve(ids.map((id) => ({ outcome: "stored", id }))),
        fail: reject,
      });
    });
  return { batches, insert };
}

/** Two turns of the event loop: the intake sends at the end of one, and what it awaits ends in another. */
const turn = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
const isOverloaded = (error: unknown) => error instanceof Problem && error.code === "overloaded";

Deno.test("the intake stores what comes together by one statement, and gathers while two are under way", async () => {
  const { batches, insert } = slowStore();
  const intake = createIntake({ insert });
  const first = [intake.add(thought("a")), intake.add(thought("b"))];
  await turn();
  const second = [intake.add(thought("c"))];
  await turn();
  const third = ["d", "e", "f"].map((id) => intake.add(thought(id)));
  await turn();
  assert.deepEqual(batches.map(({ ids }) => ids), [["a", "b"], ["c"]], "two at most are under way");

  batches[1]!.finish();
  assert.deepEqual(await second[0], { outcome: "stored", id: "c" });
  await turn();
  assert.deepEqual(batches[2]?.ids, ["d", "e", "f"]);
  batches[0]!.finish();
  batches[2]!.finish();
  const answers = await Promise.all([...first, ...third]);
  assert.deepEqual(answers.map((answer) => "id" in answer && answer.id), ["a", "b", "d", "e", "f"]);
});

Deno.test("the intake keeps to the largest batch", async () => {
  const { batches, insert } = slowStore();
  const sizes: number[] = [];
  const intake = createIntake({ insert, maxBatch: 3, onBatch: (size) => sizes.push(size) });
  const all = Promise.all([..."abcdefgh"].map((id) => intake.add(thought(id))));
  for (let done = 0; done < 3; done++) {
    await turn();
    batches[done]!.finish();
  }
  await all;
  assert.deepEqual(sizes, [3, 3, 2]);
});

Deno.test("the intake refuses a thought that would wait behind too many", async () => {
  const { batches, insert } = slowStore();
  const intake = createIntake({ insert, maxInFlight: 1, maxWaiting: 2 });
  const stored = intake.add(thought("a"));
  await turn();
  const waiting = [intake.add(thought("b")), intake.add(thought("c"))];
  await assert.rejects(intake.add(thought("d")), isOverloaded);
  batches[0]!.finish();
  await turn();
  batches[1]!.finish();
  assert.equal((await Promise.all([stored, ...waiting])).length, 3);
});

Deno.test("the intake refuses a thought that would wait behind too much text", async () => {
  const { insert } = slowStore();
  const intake = createIntake({ insert, maxInFlight: 1, maxWaitingChars: 10 });
  intake.add(thought("a"));
  await turn();
  intake.add(thought("b", "0123456789"));
  await assert.rejects(intake.add(thought("c")), isOverloaded);
});

Deno.test("the intake gives up on a thought whose turn does not come, and never stores it", async () => {
  const { batches, insert } = slowStore();
  const intake = createIntake({ insert, maxInFlight: 1, deadlineMs: 30 });
  const stuck = intake.add(thought("a"));
  await turn();
  await assert.rejects(intake.add(thought("b")), isOverloaded);
  const later = intake.add(thought("c"));
  batches[0]!.finish();
  await stuck;
  await turn();
  batches[1]!.finish();
  await later;
  assert.deepEqual(batches.map(({ ids }) => ids), [["a"], ["c"]]);
});

Deno.test("a failed insert fails only its own requests", async () => {
  const { batches, insert } = slowStore();
  const intake = createIntake({ insert });
  const bad = intake.add(thought("a"));
  await turn();
  const good = intake.add(thought("b"));
  await turn();
  batches[0]!.fail(new RangeError("no"));
  batches[1]!.finish();
  await assert.rejects(bad, RangeError);
  assert.deepEqual(await good, { outcome: "stored", id: "b" });
});
