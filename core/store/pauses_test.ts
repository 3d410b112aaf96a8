import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import { createPauses } from "./pauses.ts";

testOnDatabases(
  "a pause names its author and reason, lasts until it is ended, and repeats are harmless",
  async (database) => {
    const pauses = createPauses(database);
    assert.equal(await pauses.resume(), null);
    assert.equal(await pauses.current(), null);

    const before = Date.now();
    const pause = await pauses.pause("ops", "the model's bill");
    assert.deepEqual([pause.author, pause.reason], ["ops", "the model's bill"]);
    assert.ok(Math.abs(pause.since - before) < 60_000);
    assert.deepEqual(await pauses.pause("someone else", "another reason"), pause, "the first pause stays");
    assert.deepEqual(await createPauses(database).current(), pause, "other processes see it");

    assert.deepEqual(await pauses.resume(), pause);
    assert.equal(await pauses.current(), null);
  },
);
