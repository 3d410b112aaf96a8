import assert from "node:assert/strict";
import type { Claims } from "../core/store/claims.ts";
import { DatabaseUnavailableError, UnstorableError } from "../core/store/database.ts";
import { within } from "../core/deadline.ts";
import { startBatches } from "../tests/support/batches.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { aThought } from "../tests/support/thoughts.ts";
import { takeWallClock } from "../tests/support/wall_clock.ts";
import type { Analyser } from "./analysers/analyser.ts";

const failing: Analyser = {
  name: "test",
  version: "1",
  batchSize: 1,
  concurrency: 1,
  analyse: () => Promise.reject(new Error("always")),
};

testOnDatabase("results are retried until the database is back, and stored once", async (database) => {
  let refusals = 2;
  const around = (claims: Claims): Claims => ({
    ...claims,
    complete: (completions) =>
      refusals-- > 0 ? Promise.reject(new DatabaseUnavailableError("away")) : claims.complete(completions),
  });
  const batches = startBatches(database, { around });
  const thought = aThought();
  await batches.post(thought);
  await batches.handle(thought.id);
  assert.equal((await batches.store.get(thought.id))!.status, "completed");
  assert.equal(await batches.metric("batch_processor_thoughts_processed_total"), 1);
  assert.equal(batches.logged().match(/results not stored, trying again/g)?.length, 2);
});

for (const hours of [1, -1]) {
  testOnDatabase(
    `a clock that jumps ${hours} h while the database is down costs no result and no measure`,
    async (database) => {
      using clock = takeWallClock();
      let refusals = 2;
      const around = (claims: Claims): Claims => ({
        ...claims,
        complete(completions) {
          if (refusals-- === 0) return claims.complete(completions);
          if (refusals === 1) clock.aheadMs = hours * 3_600_000;
          return Promise.reject(new DatabaseUnavailableError("away"));
        },
      });
      const batches = startBatches(database, { around });
      const thought = aThought();
      await batches.post(thought);
      await batches.handle(thought.id);
      assert.equal((await batches.store.get(thought.id))!.status, "completed");
      assert.ok(await batches.metric("batch_processor_processing_duration_seconds_sum") >= 0);
      assert.ok(await batches.metric("batch_processor_end_to_end_seconds_sum") >= 0);
    },
  );
}

testOnDatabase("a write that succeeded unnoticed is not made twice", async (database) => {
  let lost = 1;
  const around = (claims: Claims): Claims => ({
    ...claims,
    async fail(failures) {
      const outcome = await claims.fail(failures);
      if (lost-- > 0) throw new DatabaseUnavailableError("the answer was lost");
      return outcome;
    },
  });
  const batches = startBatches(database, { around, analyser: failing });
  const thought = aThought();
  await batches.post(thought);
  await batches.handle(thought.id);
  assert.equal((await batches.store.get(thought.id))!.status, "pending");
  assert.equal((await database.query("select from outbox")).length, 1, "queued again once");
});

testOnDatabase("a result that the database refuses fails its own thought only", async (database) => {
  const refused = aThought({ text: "refused" });
  const around = (claims: Claims): Claims => ({
    ...claims,
    complete: (completions) =>
      completions.some(({ id }) => id === refused.id)
        ? Promise.reject(new UnstorableError("no"))
        : claims.complete(completions),
  });
  const batches = startBatches(database, { around });
  const others = [aThought({ text: "one" }), aThought({ text: "two" })];
  await batches.post(others[0]!, refused, others[1]!);
  await batches.handle(others[0]!.id, refused.id, others[1]!.id);
  for (const { id } of others) assert.equal((await batches.store.get(id))!.status, "completed");
  const { status, error } = (await batches.store.get(refused.id))!;
  assert.deepEqual([status, error], ["pending", "The database refuses the analyser's result"]);
  assert.equal(await batches.metric(`batch_processor_retries_total{reason="unstorable_result"}`), 1);
});

testOnDatabase("a mistake in the program is thrown, not waited out", async (database) => {
  const around = (claims: Claims): Claims => ({
    ...claims,
    complete: () => Promise.reject(new TypeError("a mistake")),
  });
  const batches = startBatches(database, { around });
  const thought = aThought();
  await batches.post(thought);
  await assert.rejects(within(5_000, "The batch", batches.handle(thought.id)), TypeError);
});

testOnDatabase("the pause before the next attempt doubles with each, with jitter", async (database) => {
  const pauses: number[] = [];
  const around = (claims: Claims): Claims => ({
    ...claims,
    fail(failures) {
      pauses.push(...failures.map(({ delayMs }) => delayMs));
      return claims.fail(failures);
    },
  });
  const batches = startBatches(database, { around, analyser: failing, maxAttempts: 10 });
  const thought = aThought();
  await batches.post(thought);
  for (const _ of [1, 2, 3, 4, 5, 6]) await batches.handle(thought.id);
  pauses.forEach((ms, at) => {
    const full = 10 * 2 ** at;
    assert.ok(ms >= full / 2 && ms <= full, `${ms} ms before attempt ${at + 2}`);
  });
  assert.equal(pauses.length, 6);
});
