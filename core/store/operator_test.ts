import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import { aThought } from "../../tests/support/thoughts.ts";
import { createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createOperator } from "./operator.ts";
import { createStore } from "./thoughts.ts";

const UNKNOWN = "01a20655-0000-7000-8000-000000000000";

async function rooms(database: Database, count: number) {
  const thoughts = Array.from({ length: count }, () => aThought());
  await createStore(database).insert(thoughts);
  return {
    ids: thoughts.map(({ id }) => id),
    claims: createClaims(database, { leaseMs: 60_000, maxAttempts: 1 }),
    operator: createOperator(database),
    outbox: async () => (await database.query("select thought_id from outbox")).length,
  };
}

testOnDatabases(
  "failures are counted by reason, and redriven by reason, with a full set of attempts",
  async (database) => {
    const { ids, claims, operator } = await rooms(database, 3);
    const held = await claims.claim(ids);
    await claims.fail(held.map((claim, i) => ({
      ...claim,
      kind: i === 0 ? "refused" : "charged",
      reason: i === 0 ? "refused" : "timeout",
      error: `error ${i}`,
      delayMs: 0,
    })));
    const failures = await operator.failures();
    assert.deepEqual(failures.map(({ reason, thoughts }) => [reason, thoughts]), [["timeout", 2], [
      "refused",
      1,
    ]]);
    assert.match(failures[0]!.newestError!, /^error [12]$/);
    assert.ok(Math.abs(failures[0]!.newestAt - Date.now()) < 60_000);

    assert.equal(await operator.redriveAll({ reason: "nonsense", limit: 10 }), 0);
    assert.equal(await operator.redriveAll({ reason: "timeout", limit: 1 }), 1);
    assert.equal(await operator.redriveAll({ limit: 10 }), 2);
    assert.deepEqual(await operator.failures(), []);
    const again = await claims.claim(ids);
    assert.deepEqual(again.map(({ attempt, charged }) => [attempt, charged]), [[2, 1], [2, 1], [2, 1]]);
  },
);

testOnDatabases(
  "one thought is redriven once; what waits stays, what completed cannot be",
  async (database) => {
    const { ids: [id], claims, operator } = await rooms(database, 1);
    assert.deepEqual(await operator.redrive(id!), { outcome: "already", status: "pending" });
    const [claim] = await claims.claim([id!]);
    await claims.fail([{ ...claim!, kind: "refused", reason: "refused", error: "x", delayMs: 0 }]);
    assert.deepEqual(await operator.redrive(id!), { outcome: "done", status: "pending" });
    assert.deepEqual(await operator.redrive(id!), { outcome: "already", status: "pending" });
    await claims.complete((await claims.claim([id!])).map((claim) => ({ ...claim, result: "{}" })));
    assert.deepEqual(await operator.redrive(id!), { outcome: "conflict", status: "completed" });
    assert.deepEqual(await operator.redrive(UNKNOWN), { outcome: "unknown", status: null });
  },
);

testOnDatabases(
  "a waiting thought is cancelled with its message; it says by whom, and repeats are harmless",
  async (database) => {
    const { ids: [id], claims, operator, outbox } = await rooms(database, 1);
    assert.equal(await outbox(), 1);
    assert.deepEqual(await operator.cancel(id!, "ops"), { outcome: "done", status: "failed" });
    assert.equal(await outbox(), 0);
    assert.deepEqual(await operator.cancel(id!, "ops"), { outcome: "already", status: "failed" });
    assert.equal((await createStore(database).get(id!))!.error, "Cancelled by ops");
    assert.deepEqual((await operator.failures()).map(({ reason }) => reason), ["cancelled"]);
    assert.deepEqual(await claims.claim([id!]), []);
    assert.deepEqual(await operator.cancel(UNKNOWN, "ops"), { outcome: "unknown", status: null });
  },
);

testOnDatabases(
  "the result of a thought that was cancelled meanwhile is not stored, and no claim counts as fenced off",
  async (database) => {
    const { ids: [id], claims, operator } = await rooms(database, 1);
    const [claim] = await claims.claim([id!]);
    await operator.cancel(id!, "ops");
    assert.deepEqual(await claims.renew([claim!]), new Set(), "its worker learns of it");
    const { stored, fenced } = await claims.complete([{ ...claim!, result: "{}" }]);
    assert.deepEqual([stored.size, fenced.size], [0, 0]);
    assert.equal((await createStore(database).get(id!))!.status, "failed");
    await claims.fail([{ ...claim!, kind: "charged", reason: "timeout", error: "late", delayMs: 0 }]);
    assert.equal((await createStore(database).get(id!))!.error, "Cancelled by ops");
  },
);
