import assert from "node:assert/strict";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { aResult, aThought } from "../../tests/support/thoughts.ts";
import { createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createRetention } from "./retention.ts";
import { MOST_LOOKED_AT, MOST_SEARCHED_BYTES } from "./listing.ts";
import { createStore, type Page } from "./thoughts.ts";
import { STATUSES } from "../thought.ts";

const storeOn = (database: Database) => createStore(database);
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
    priority: "interactive",
    status: "pending",
    attempts: 0,
    result: null,
    error: null,
    traceId: null,
    createdAt: stored.createdAt,
    finishedAt: null,
    timeline: {
      acceptedAt: stored.createdAt,
      queuedAt: stored.createdAt,
      publishedAt: null,
      claimedAt: null,
      analysedAt: null,
      analysedBy: null,
      finishedAt: null,
    },
  });
  assert.equal(await store.get(crypto.randomUUID()), null);
});

testOnDatabases("a thought and its message are stored together, in its trace", async (database) => {
  const thought = aThought({ userId: "bob", traceparent: "00-1-2-01" });
  await storeOn(database).insert([thought]);
  const messages = await database.query("select thought_id, flow, user_id, traceparent from outbox");
  assert.deepEqual({ ...messages[0] }, {
    thought_id: thought.id,
    flow: "",
    user_id: "bob",
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
  await claims.fail(
    (await claims.claim([failed!])).map((claim) => ({
      ...claim,
      error: "x",
      kind: "charged",
      reason: "timeout",
      delayMs: 0,
    })),
  );
  await claims.claim([processing!]);

  const ids = async (...listing: Parameters<typeof store.list>) =>
    (await store.list(...listing)).thoughts.map(({ id }) => id);
  assert.deepEqual(await ids({ limit: 10 }), newestFirst);
  assert.deepEqual(await ids({ limit: 2 }), newestFirst.slice(0, 2));
  assert.deepEqual(await ids({ limit: 2, beyond: newestFirst[1]! }), newestFirst.slice(2, 4));
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
  assert.deepEqual(await ids({ limit: 9, userId: "ada", status: "completed", beyond: newestFirst[0]! }), [
    completed,
  ]);
});

testOnDatabases(
  "a page looks through a bounded number of thoughts, and its cursor goes on from there",
  async (database) => {
    const store = storeOn(database);
    const [oldest, ...others] = [aThought({ userId: "ada" }), aThought({ userId: "bob" })];
    await store.insert([oldest!, ...others]);
    const [claim] = await claimsOn(database).claim([oldest!.id]);
    await database.query(
      `insert into thoughts (id, user_id, text)
       select ('ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'ada', 'x' from generate_series(1, $1::int) n`,
      [2.5 * MOST_LOOKED_AT],
    );
    for (const userId of [undefined, "ada"]) {
      const found: string[] = [];
      let pages = 0;
      let next: string | null | undefined;
      while (next !== null) {
        const page: Page = await store.list({
          status: "processing",
          limit: 5,
          ...(userId === undefined ? {} : { userId }),
          ...(next === undefined ? {} : { beyond: next }),
        });
        found.push(...page.thoughts.map(({ id }) => id));
        next = page.next;
        pages++;
      }
      assert.deepEqual([found, pages], [[claim!.id], 3]);
    }
  },
);

testOnDatabases(
  "a search reads a bounded part of the texts for a page, and goes on from there",
  async (database) => {
    const store = storeOn(database);
    await store.insert([aThought({ text: "the needle" })]);
    await database.query(
      `insert into thoughts (id, user_id, text)
     select ('ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'ada', repeat('hay ', 2500)
     from generate_series(1, $1::int) n`,
      [Math.ceil(2.5 * MOST_SEARCHED_BYTES / 10_000)],
    );
    for (const order of ["desc", "asc"] as const) {
      const found: string[] = [];
      let pages = 0;
      let next: string | null | undefined;
      while (next !== null) {
        const page: Page = await store.list({
          userId: "ada",
          search: "NEEDLE",
          order,
          limit: 5,
          ...(next === undefined ? {} : { beyond: next }),
        });
        found.push(...page.thoughts.map(({ text }) => text));
        next = page.next;
        pages++;
      }
      assert.deepEqual([found, pages], [["the needle"], 3], order);
    }
  },
);

testOnDatabases(
  "a key whose thought is deleted between the insert and the look for it is free again",
  async (database) => {
    const first = aThought({ userId: "ada", idempotencyKey: "k", requestHash: "h" });
    await storeOn(database).insert([first]);
    const store = storeOn({
      ...database,
      async query(sql, parameters) {
        if (/given cross join/.test(sql)) {
          await database.query("delete from thoughts where id = $1", [first.id]);
        }
        return await database.query(sql, parameters);
      },
    });
    const again = aThought({ userId: "ada", idempotencyKey: "k", requestHash: "h" });
    const other = aThought({ userId: "bob" });
    assert.deepEqual(await store.insert([again, other]), [
      { outcome: "stored", id: again.id },
      { outcome: "stored", id: other.id },
    ]);
  },
);

Deno.test({
  name: "two processes with the same keys in opposite order wait in turn, without a deadlock",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using one = await openTestDatabase("postgres");
    const deadlocks = async () =>
      (await one.query<{ n: number }>(
        "select deadlocks::int as n from pg_stat_database where datname = current_database()",
      ))[0]!.n;
    const stores = [storeOn(one), storeOn(one)];
    for (let round = 0; round < 10; round++) {
      const keyed = Array.from({ length: 120 }, (_, at) => ({
        userId: `user ${at % 7}`,
        idempotencyKey: `${round} ${at}`,
        requestHash: "h",
      }));
      const outcomes = await Promise.all(stores.map((store, at) => {
        const thoughts = keyed.map((given) => aThought(given));
        return store.insert(at === 0 ? thoughts : thoughts.reverse());
      }));
      const stored = outcomes.flat().filter(({ outcome }) => outcome === "stored");
      assert.equal(stored.length, keyed.length);
    }
    await one.query("select pg_stat_force_next_flush()");
    assert.equal(await deadlocks(), 0);
  },
});

testOnDatabases("a status' listing can use an index", async (database) => {
  // The planner prefers a scan of so small a table; without that choice it must find the way.
  await database.transaction(async (tx) => {
    await tx.query("set local enable_seqscan = off");
    for (const status of STATUSES) {
      const condition = {
        pending: "finished_at is null",
        processing: "finished_at is null",
        completed: "result is not null",
        failed: "finished_at is not null and result is null",
      }[status];
      const plan = await tx.query(
        `explain select id from thoughts where ${condition} and status = '${status}' order by id desc limit 20`,
      );
      assert.match(JSON.stringify(plan), /thoughts_(waiting|given_up|completed)/, status);
    }
  });
});

testOnDatabases("a deleted thought is gone, and work under way on it comes to nothing", async (database) => {
  const store = storeOn(database);
  const thought = aThought();
  await store.insert([thought]);
  const claims = claimsOn(database);
  const [claim] = await claims.claim([thought.id]);
  const retention = createRetention(database);
  assert.equal(await retention.delete(thought.id), true);
  assert.equal(await retention.delete(thought.id), false);
  assert.equal(await store.get(thought.id), null);
  assert.deepEqual(await claims.complete([{ ...claim!, result: JSON.stringify(aResult()) }]), {
    stored: new Set(),
    fenced: new Set(),
  });
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
      (await claims.claim([one.id])).map((claim) => ({
        ...claim,
        error: "no answer",
        kind: "charged",
        reason: "timeout",
        delayMs: 0,
      })),
    );
    const progress = await store.progress([one.id, two.id, crypto.randomUUID()]);
    const states = progress.map(({ timeline: _, ...rest }) => rest);
    assert.deepEqual(states.toSorted((a, b) => a.id < b.id ? -1 : 1), [
      { id: one.id, userId: one.userId, status: "failed", attempts: 1, error: "no answer", traceId: null },
      { id: two.id, userId: two.userId, status: "pending", attempts: 0, error: null, traceId: null },
    ]);
    assert.deepEqual(await store.progress([]).then((rows) => rows.length), 0);
    assert.equal(await store.waiting(10), 2);
    assert.equal(await store.waiting(1), 1);
    await store.ping();
  },
);
