import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import { aResult, aThought } from "../../tests/support/thoughts.ts";
import { createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createStore } from "./thoughts.ts";
import { STATUSES } from "../thought.ts";

const storeOn = (database: Database) => createStore(database, "thoughts");
const claimsOn = (database: Database) => createClaims(database, { leaseMs: 60_000, maxAttempts: 1 });

async function count(database: Database, table: "thoughts" | "outbox"): Promise<number> {
  return (await database.query(`select from ${table}`)).length;
}

testOnDatabases("a stored thought can be read, and waits", async (database) => {
  const store = storeOn(database);
  const thought = aThought({ text: "naïve \u{1f600} \u2028 'quoted' \\ \"text\"", context: "a context" });
  assert.deepEqual(await store.insert([thought]), [{ outcome: "stored", id: thought.id }]);
  const stored = (await store.get(thought.id))!;
  assert.ok(Math.abs(Date.parse(stored.createdAt) - Date.now()) < 60_000);
  assert.deepEqual(stored, {
    id: thought.id,
    userId: "ada",
    text: thought.text,
    context: "a context",
    status: "pending",
    attempts: 0,
    result: null,
    error: null,
    createdAt: stored.createdAt,
    finishedAt: null,
  });
  assert.equal(await store.get(crypto.randomUUID()), null);
});

testOnDatabases("a thought and its message are stored together, in its trace", async (database) => {
  const thought = aThought({ userId: "bob", traceparent: "00-1-2-01" });
  await storeOn(database).insert([thought]);
  const messages = await database.query("select topic, key, value, reason, traceparent from outbox");
  assert.deepEqual({ ...messages[0] }, {
    topic: "thoughts",
    key: "bob",
    value: thought.id,
    reason: null,
    traceparent: "00-1-2-01",
  });
  assert.equal(messages.length, 1);
});

testOnDatabases("an insert that fails stores neither thought nor message", async (database) => {
  const store = storeOn(database);
  const thought = aThought();
  assert.deepEqual(await store.insert([{ ...thought, id: "no uuid" }]), [{ outcome: "unstorable" }]);
  assert.deepEqual([await count(database, "thoughts"), await count(database, "outbox")], [0, 0]);
});

testOnDatabases("one bad thought does not take the others of its batch with it", async (database) => {
  const store = storeOn(database);
  const [one, two] = [aThought(), aThought()];
  const outcomes = await store.insert([one, aThought({ text: "NUL \0" }), two]);
  assert.deepEqual(outcomes.map(({ outcome }) => outcome), ["stored", "unstorable", "stored"]);
  assert.deepEqual([await count(database, "thoughts"), await count(database, "outbox")], [2, 2]);
});

testOnDatabases(
  "a key repeated with the same request answers the thought it made, with its state",
  async (database) => {
    const store = storeOn(database);
    const keyed = { idempotencyKey: "k", requestHash: "h" };
    const first = aThought(keyed);
    await store.insert([first]);
    assert.deepEqual(await store.insert([aThought(keyed)]), [
      { outcome: "repeated", id: first.id, status: "pending" },
    ]);
    const claims = claimsOn(database);
    await claims.complete(
      (await claims.claim([first.id])).map((claim) => ({ ...claim, result: JSON.stringify(aResult()) })),
    );
    assert.deepEqual(await store.insert([aThought(keyed)]), [
      { outcome: "repeated", id: first.id, status: "completed" },
    ]);
    assert.equal(await count(database, "outbox"), 1, "no second message");
  },
);

testOnDatabases("a key belongs to its user and to one request", async (database) => {
  const store = storeOn(database);
  await store.insert([aThought({ idempotencyKey: "k", requestHash: "h" })]);
  const outcomes = await store.insert([
    aThought({ idempotencyKey: "k", requestHash: "other" }),
    aThought({ idempotencyKey: "k", requestHash: "h", userId: "bob" }),
    aThought({ idempotencyKey: "k2", requestHash: "h" }),
    aThought(),
    aThought(),
  ]);
  assert.deepEqual(outcomes.map(({ outcome }) => outcome), [
    "conflict",
    "stored",
    "stored",
    "stored",
    "stored",
  ]);
});

testOnDatabases(
  "one key is one thought, also within a batch and among batches at the same time",
  async (database) => {
    const store = storeOn(database);
    const keyed = () => aThought({ idempotencyKey: "k", requestHash: "h" });
    const outcomes = (await Promise.all([1, 2, 3, 4].map(() => store.insert([keyed(), aThought(), keyed()]))))
      .flat();
    assert.equal(outcomes.filter(({ outcome }) => outcome === "repeated").length, 7);
    assert.equal(outcomes.filter(({ outcome }) => outcome === "stored").length, 5);
    const ids = new Set(outcomes.flatMap((one) => one.outcome === "repeated" ? [one.id] : []));
    assert.equal(ids.size, 1);
  },
);

testOnDatabases("a listing goes page by page, the newest first, by user and by status", async (database) => {
  const store = storeOn(database);
  const thoughts = Array.from({ length: 6 }, (_, at) => aThought({ userId: at % 2 === 0 ? "ada" : "bob" }));
  await store.insert(thoughts);
  const newestFirst = thoughts.map(({ id }) => id).reverse();
  const claims = claimsOn(database);
  const [completed, failed, processing] = thoughts.map(({ id }) => id);
  await claims.complete(
    (await claims.claim([completed!])).map((claim) => ({ ...claim, result: JSON.stringify(aResult()) })),
  );
  await claims.fail((await claims.claim([failed!])).map((claim) => ({ ...claim, error: "x", delayMs: 0 })));
  await claims.claim([processing!]);

  const ids = async (...listing: Parameters<typeof store.list>) =>
    (await store.list(...listing)).map(({ id }) => id);
  assert.deepEqual(await ids({ limit: 10 }), newestFirst);
  assert.deepEqual(await ids({ limit: 2 }), newestFirst.slice(0, 2));
  assert.deepEqual(await ids({ limit: 2, before: newestFirst[1]! }), newestFirst.slice(2, 4));
  assert.deepEqual(await ids({ limit: 9, userId: "bob" }), newestFirst.filter((_, at) => at % 2 === 0));
  assert.deepEqual(await ids({ limit: 9, userId: "nobody" }), []);
  for (
    const [status, expected] of [
      ["completed", [completed]],
      ["failed", [failed]],
      ["processing", [processing]],
      ["pending", newestFirst.slice(0, 3)],
    ] as const
  ) assert.deepEqual(await ids({ limit: 9, status }), expected, status);
  assert.deepEqual(await ids({ limit: 9, userId: "ada", status: "completed", before: newestFirst[0]! }), [
    completed,
  ]);
});

testOnDatabases("a status' listing can use an index", async (database) => {
  // The planner prefers a scan of so small a table; without that choice it must find the way.
  await database.transaction(async (tx) => {
    await tx.query("set local enable_seqscan = off");
    for (const status of STATUSES.filter((status) => status !== "completed")) {
      const condition = status === "failed"
        ? "finished_at is not null and result is null"
        : "finished_at is null";
      const plan = await tx.query(
        `explain select id from thoughts where ${condition} and status = '${status}' order by id desc limit 20`,
      );
      assert.match(JSON.stringify(plan), /thoughts_(waiting|given_up)/, status);
    }
  });
});

testOnDatabases("a deleted thought is gone, and work under way on it comes to nothing", async (database) => {
  const store = storeOn(database);
  const thought = aThought();
  await store.insert([thought]);
  const claims = claimsOn(database);
  const [claim] = await claims.claim([thought.id]);
  assert.equal(await store.delete(thought.id), true);
  assert.equal(await store.delete(thought.id), false);
  assert.equal(await store.get(thought.id), null);
  assert.deepEqual(await claims.complete([{ ...claim!, result: JSON.stringify(aResult()) }]), new Set());
  assert.equal(await count(database, "thoughts"), 0);
});

testOnDatabases(
  "progress is told of those that exist, and what is unfinished is counted up to a limit",
  async (database) => {
    const store = storeOn(database);
    const [one, two, three] = [aThought(), aThought(), aThought()];
    await store.insert([one, two, three]);
    const claims = claimsOn(database);
    await claims.fail(
      (await claims.claim([one.id])).map((claim) => ({ ...claim, error: "no answer", delayMs: 0 })),
    );
    const progress = await store.progress([one.id, two.id, crypto.randomUUID()]);
    assert.deepEqual(progress.map((row) => ({ ...row })).toSorted((a, b) => a.id < b.id ? -1 : 1), [
      { id: one.id, userId: one.userId, status: "failed", attempts: 1, error: "no answer" },
      { id: two.id, userId: two.userId, status: "pending", attempts: 0, error: null },
    ]);
    assert.deepEqual(await store.progress([]).then((rows) => rows.length), 0);
    assert.equal(await store.waiting(10), 2);
    assert.equal(await store.waiting(1), 1);
    await store.ping();
  },
);
