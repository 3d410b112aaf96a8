import assert from "node:assert/strict";
import { uuidv7obj } from "uuidv7";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { aThought } from "../../tests/support/thoughts.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { subjectHash } from "../subject.ts";
import { createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createRetention } from "./retention.ts";
import { createStore } from "./thoughts.ts";

const FOREVER = { completedDays: 0, failedDays: 0, idempotencyKeyDays: 0 };
const DAY_MS = 86_400_000;

/** The id of a thought created that many days ago. */
function idOf(daysAgo: number): string {
  const hex = Math.floor(Date.now() - daysAgo * DAY_MS).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}${uuidv7obj().toString().slice(13)}`;
}

/** Stores a thought that was created and ended that many days ago. */
async function stored(
  database: Database,
  { status, daysAgo, endedDaysAgo = daysAgo, ...more }: {
    status: "completed" | "failed" | "pending";
    daysAgo: number;
    endedDaysAgo?: number;
    userId?: string;
    text?: string;
    idempotencyKey?: string;
  },
): Promise<string> {
  const thought = aThought({
    id: idOf(daysAgo),
    ...more,
    ...(more.idempotencyKey === undefined ? {} : { requestHash: "h" }),
  });
  await createStore(database).insert([thought]);
  await database.query(
    `update thoughts set status = $2, result = $3::text::jsonb, created_at = now() - $4::float8 * interval '1 day',
      finished_at = case when $2 = 'pending' then null else now() - $5::float8 * interval '1 day' end
    where id = $1::text::uuid`,
    [thought.id, status, status === "completed" ? "{}" : null, daysAgo, endedDaysAgo],
  );
  return thought.id;
}

const idsIn = async (database: Database) =>
  (await database.query<{ id: string }>("select id from thoughts")).map(({ id }) => id).sort();

testOnDatabases(
  "thoughts past their time go, each kind by its own period; what waits and what is younger stays",
  async (database) => {
    const retention = createRetention(database);
    const old = await stored(database, { status: "completed", daysAgo: 40 });
    const oldFailure = await stored(database, { status: "failed", daysAgo: 40 });
    const kept = [
      await stored(database, { status: "completed", daysAgo: 20 }),
      await stored(database, { status: "completed", daysAgo: 40, endedDaysAgo: 1 }),
      await stored(database, { status: "pending", daysAgo: 400 }),
    ];
    assert.deepEqual(await retention.prune(FOREVER, 10), { completed: 0, failed: 0, idempotencyKeys: 0 });

    const periods = { ...FOREVER, completedDays: 30 };
    assert.ok(Math.abs(await retention.overdueS(periods) - 10 * 86_400) < 60);
    assert.deepEqual(await retention.prune(periods, 10), { completed: 1, failed: 0, idempotencyKeys: 0 });
    assert.equal(await retention.overdueS(periods), 0);
    assert.deepEqual(await idsIn(database), [...kept, oldFailure].sort());
    assert.ok(!(await idsIn(database)).includes(old));

    assert.equal((await retention.prune({ ...FOREVER, failedDays: 30 }, 10)).failed, 1);
    assert.deepEqual(await idsIn(database), kept.toSorted());
  },
);

testOnDatabases("a round removes no more than it may, the oldest first", async (database) => {
  const retention = createRetention(database);
  const ids = [];
  for (const daysAgo of [90, 80, 70]) ids.push(await stored(database, { status: "completed", daysAgo }));
  assert.equal((await retention.prune({ ...FOREVER, completedDays: 30 }, 2)).completed, 2);
  assert.deepEqual(await idsIn(database), [ids[2]]);
});

testOnDatabases(
  "an idempotency key expires by itself; its thought stays, and the key is free again",
  async (database) => {
    const retention = createRetention(database);
    const id = await stored(database, { status: "completed", daysAgo: 3, idempotencyKey: "k" });
    const young = await stored(database, { status: "completed", daysAgo: 0, idempotencyKey: "young" });
    assert.equal((await retention.prune({ ...FOREVER, idempotencyKeyDays: 2 }, 10)).idempotencyKeys, 1);
    assert.deepEqual(await idsIn(database), [id, young].sort());
    const [again] = await createStore(database).insert([
      aThought({ idempotencyKey: "k", requestHash: "other" }),
    ]);
    assert.equal(again!.outcome, "stored");
    const [repeated] = await createStore(database).insert([
      aThought({ idempotencyKey: "young", requestHash: "h" }),
    ]);
    assert.equal(repeated!.outcome, "repeated");
  },
);

testOnDatabases(
  "who is forgotten leaves nothing: no thought, no message, no cached analysis, no result of work under way",
  async (database) => {
    const retention = createRetention(database);
    const store = createStore(database);
    const mine = Array.from({ length: 3 }, (_, i) => aThought({ userId: "ada", text: `secret ${i}` }));
    const other = aThought({ userId: "bob" });
    await store.insert([...mine, other]);
    const claims = createClaims(database, { leaseMs: 60_000, maxAttempts: 5 });
    const [claim] = await claims.claim([mine[0]!.id]);

    assert.equal(await retention.forget("ada"), 3);
    assert.equal(await retention.forget("ada"), 0);
    assert.deepEqual(await idsIn(database), [other.id]);
    const outbox = await database.query<{ thought_id: string }>("select thought_id from outbox");
    assert.deepEqual(outbox.map((row) => row.thought_id), [other.id]);
    assert.deepEqual((await retention.evictions(60_000)).sort(), mine.map(subjectHash).sort());
    const { stored: kept, fenced } = await claims.complete([{ ...claim!, result: "{}" }]);
    assert.deepEqual([kept.size, fenced.size], [0, 0]);
    assert.deepEqual(await idsIn(database), [other.id]);
  },
);

testOnDatabases("one deleted thought leaves the cache too", async (database) => {
  const retention = createRetention(database);
  const thought = aThought({ text: "Only once!" });
  await createStore(database).insert([thought]);
  assert.equal(await retention.delete(thought.id), true);
  assert.equal(await retention.delete(thought.id), false);
  assert.deepEqual(await retention.evictions(60_000), [subjectHash({ text: "only once", context: null })]);
});

Deno.test({
  name: "a deletion that deadlocks with the claim of a suspect is repeated, and succeeds",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    const thought = aThought();
    await createStore(database).insert([thought]);
    let deleted: Promise<boolean>;
    // As such a claim: it locks the message, and then the thought.
    await database.transaction(async (claim) => {
      await claim.query("select from outbox where thought_id = $1 for update", [thought.id]);
      deleted = createRetention(database).delete(thought.id);
      deleted.catch(() => {}); // looked at below
      await waitFor("it waits for the message", async () =>
        (await database.query(
          "select from pg_stat_activity where wait_event_type = 'Lock' and query like 'delete from outbox%' and " +
            "datname = current_database()",
        )).length > 0);
      await claim.query("update thoughts set crashes = 0 where id = $1", [thought.id]);
    });
    assert.equal(await deleted!, true);
  },
});
