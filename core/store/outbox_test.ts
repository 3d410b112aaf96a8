import assert from "node:assert/strict";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { aThought } from "../../tests/support/thoughts.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { within } from "../deadline.ts";
import { createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import { createStore, type Insertion } from "./thoughts.ts";

/** Stores thoughts, one statement for each group; each thought's text is its name in these tests. */
async function post(database: Database, ...groups: Partial<Insertion>[][]): Promise<void> {
  for (const group of groups) await createStore(database).insert(group.map((one) => aThought(one)));
}

const many = (count: number, of: Partial<Insertion>) =>
  Array.from({ length: count }, (_, at) => ({ ...of, text: `${of.userId}${at + 1}` }));

async function names(database: Database, ids: readonly string[]): Promise<string[]> {
  const rows = await database.query<{ id: string; text: string }>("select id, text from thoughts");
  const texts = new Map(rows.map(({ id, text }) => [id, text]));
  return ids.map((id) => texts.get(id)!);
}

const left = async (database: Database) =>
  await names(
    database,
    (await database.query<{ id: string }>("select thought_id as id from outbox order by rank")).map((
      { id },
    ) => id),
  );

/** Takes messages and returns their thoughts' names, in the order in which they were sent. */
async function taken(
  database: Database,
  limit: number,
  outbox: Outbox = createOutbox(database),
): Promise<string[]> {
  const ids: string[] = [];
  const count = await outbox.take(limit, (messages) => {
    ids.push(...messages.map(({ value }) => value));
    return Promise.resolve();
  });
  assert.equal(count, ids.length);
  return await names(database, ids);
}

testOnDatabases("what is stored is announced once, with its trace", async (database) => {
  const thought = aThought({ traceparent: "00-1-2-01" });
  await createStore(database).insert([thought]);
  await createOutbox(database).take(10, (messages) => {
    assert.deepEqual(messages, [
      { topic: "thoughts", value: thought.id, reason: null, traceparent: "00-1-2-01" },
    ]);
    return Promise.resolve();
  });
  assert.deepEqual(await taken(database, 10), []);
});

testOnDatabases("a user's thoughts leave in their order, no more than asked for", async (database) => {
  await post(database, many(3, { userId: "a" }));
  assert.deepEqual(await taken(database, 2), ["a1", "a2"]);
  assert.deepEqual(await left(database), ["a3"]);
});

testOnDatabases("nobody waits behind another user's backlog", async (database) => {
  await post(database, many(400, { userId: "a" }));
  assert.equal((await taken(database, 100)).length, 100);
  await post(database, many(2, { userId: "b" }), many(1, { userId: "c" }));
  assert.deepEqual(new Set((await taken(database, 6)).map((name) => name[0])), new Set(["a", "b", "c"]));
  assert.equal((await left(database)).filter((name) => !name.startsWith("a")).length, 0);
});

testOnDatabases("idleness banks nothing: a user who comes back has one turn in two", async (database) => {
  await post(database, many(1, { userId: "b" }));
  await taken(database, 1);
  await post(database, many(20, { userId: "a" }), many(20, { userId: "b" }));
  const turns = await taken(database, 10);
  assert.equal(
    turns.filter((name) => name.startsWith("b")).length,
    4,
    `all but the one that was due first: ${turns.join()}`,
  );
});

testOnDatabases(
  "a batch of one's own does not delay one's interactive thoughts for long",
  async (database) => {
    await post(
      database,
      many(100, { userId: "a", priority: "batch" }),
      many(1, { userId: "b", priority: "batch" }),
      many(10, { userId: "c" }),
    );
    const turns = await taken(database, 12);
    assert.equal(
      turns.filter((name) => name.startsWith("c")).length,
      9,
      `after the one due first: ${turns.join()}`,
    );
  },
);

testOnDatabases("flows take turns, however many users one of them has", async (database) => {
  await post(
    database,
    Array.from({ length: 50 }, (_, at) => ({ flow: "many", userId: `m${at}`, text: "m" })),
    many(10, { flow: "one", userId: "a" }),
  );
  const turns = await taken(database, 10);
  assert.equal(turns.filter((name) => name !== "m").length, 5, turns.join());
});

testOnDatabases("with more flows than room each has its turn", async (database) => {
  await post(database, ["a", "b", "c", "d", "e"].map((flow) => ({ flow, text: flow })));
  const outbox = createOutbox(database);
  const turns = [...await taken(database, 2, outbox)];
  await post(database, [{ flow: "a", text: "a again" }]);
  turns.push(...await taken(database, 2, outbox), ...await taken(database, 2, outbox));
  assert.deepEqual(turns, ["a", "b", "c", "d", "e", "a again"]);
});

testOnDatabases("what is delayed stays until it is due, and then has its rank", async (database) => {
  await post(database, [{ text: "now" }, { text: "later" }]);
  await database.query(
    "update outbox set rank = null, available_at = now() + interval '1 minute' " +
      "where thought_id = (select id from thoughts where text = 'later')",
  );
  const outbox = createOutbox(database);
  assert.equal((await outbox.ripen(10)).count, 0);
  assert.deepEqual(await taken(database, 10), ["now"]);
  await database.query("update outbox set available_at = now()");
  assert.equal((await outbox.ripen(10)).count, 1);
  assert.equal((await outbox.ripen(10)).count, 0);
  assert.deepEqual(await taken(database, 10), ["later"]);
});

testOnDatabases("what was delayed before the clock went back an hour is due", async (database) => {
  await post(database, many(3, { userId: "a" }));
  await database.query("update outbox set rank = null, available_at = now() + interval '1 hour'");
  await database.query(
    "update outbox set available_at = now() + interval '1 minute' " +
      "where thought_id = (select id from thoughts where text = 'a3')",
  );
  const outbox = createOutbox(database);
  assert.equal((await outbox.ripen(1)).count, 1);
  assert.equal((await outbox.ripen(10)).count, 1);
  assert.deepEqual((await taken(database, 10)).toSorted(), ["a1", "a2"]);
});

testOnDatabases("what was released comes before what has not had its turn yet", async (database) => {
  await post(database, many(3, { userId: "a" }));
  const claims = createClaims(database, { leaseMs: 60_000, maxAttempts: 5 });
  const [first] = await database.query<{ id: string }>("select id from thoughts where text = 'a1'");
  assert.deepEqual(await taken(database, 1), ["a1"]);
  const [claim] = await claims.claim([first!.id]);
  await claims.fail([{
    id: claim!.id,
    attempt: 1,
    error: null,
    kind: "released",
    reason: "unavailable",
    delayMs: 0,
  }]);
  assert.deepEqual((await taken(database, 2)).toSorted(), ["a1", "a2"]);
});

testOnDatabases("when sending fails everything stays, in its order", async (database) => {
  await post(database, many(2, { userId: "a" }));
  const outbox = createOutbox(database);
  await assert.rejects(outbox.take(10, () => Promise.reject(new Error("no Kafka"))), /no Kafka/);
  assert.deepEqual(await taken(database, 10), ["a1", "a2"]);
});

/** Raises the floors as often as two seconds apart would. */
async function raiseFloors(database: Database, times: number): Promise<void> {
  const outbox = createOutbox(database);
  for (let time = 0; time < times; time++) {
    await database.query("update outbox_floors set seen_at = 'epoch'");
    await outbox.raiseFloors();
  }
}

testOnDatabases("floors that are raised between posts and polls hide nothing", async (database) => {
  const outbox = createOutbox(database);
  const posted: string[] = [];
  const turns: string[] = [];
  const poll = async (limit: number) => void turns.push(...await taken(database, limit, outbox));
  for (let round = 0; round < 6; round++) {
    const group = [
      ...many(3, { flow: "a", userId: `a${round}` }),
      ...many(2, { flow: "b", userId: "b" }),
      ...(round === 4 ? many(1, { flow: "new", userId: "new" }) : []),
    ].map((one) => ({ ...one, text: `${one.text} of ${round}` }));
    posted.push(...group.map(({ text }) => text));
    await post(database, group);
    await poll(round);
    await raiseFloors(database, round % 4);
    await poll(2);
  }
  while ((await left(database)).length > 0) {
    await raiseFloors(database, 1);
    const before = turns.length;
    await poll(3);
    assert.ok(turns.length > before, `left over: ${await left(database)}`);
  }
  assert.deepEqual(turns.toSorted(), posted.toSorted());
});

testOnDatabases(
  "what is committed below the floor is found, and what an older program posted",
  async (database) => {
    await post(database, many(2, { userId: "a" }));
    assert.deepEqual(await taken(database, 10), ["a1", "a2"]);
    await raiseFloors(database, 2);
    await post(database, many(2, { userId: "late" }), [{ flow: "unknown", text: "of an older program" }]);
    await database.query("update outbox set rank = 1 where user_id = 'late'");
    await database.query("delete from outbox_floors where flow = 'unknown'");
    assert.deepEqual(await taken(database, 10), []);
    await raiseFloors(database, 1);
    assert.deepEqual((await taken(database, 10)).toSorted(), ["late1", "late2", "of an older program"]);
  },
);

testOnDatabases("a floor of before the clock went back an hour hides nothing", async (database) => {
  await post(database, many(1, { userId: "a" }));
  await database.query(
    "update outbox_floors set floor = extract(epoch from now() + interval '1 hour') * 1000000",
  );
  assert.deepEqual(await taken(database, 10), ["a1"]);
});

testOnDatabases("the floors of an idle outbox are not written again and again", async (database) => {
  await post(database, many(1, { userId: "a" }));
  await taken(database, 1);
  await raiseFloors(database, 3);
  const version = "select xmin::text from outbox_floors";
  const before = await database.query(version);
  const outbox = createOutbox(database);
  for (let time = 0; time < 3; time++) await outbox.raiseFloors();
  assert.deepEqual(await database.query(version), before);
});

Deno.test({
  name: "while a snapshot is held no poll and no post walks over what was deleted from the outbox",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    const some = many(5_000, { userId: "a" });
    await database.transaction(async (holding) => {
      await holding.query("set transaction isolation level repeatable read");
      await holding.query("select from thoughts limit 1");
      await post(database, some, some, many(1, { userId: "b" }));
      assert.equal((await taken(database, 20_000)).length, 10_001);
      await database.query(MANY_SENT);
      await database.query("delete from outbox");
      await raiseFloors(database, 2);
      // Autovacuum finds the table empty then: every index looks equally cheap.
      await database.query("analyze outbox");
      const read = await indexReads(database, async () => {
        await post(database, many(1, { userId: "a" }), many(1, { userId: "c" }));
        assert.equal((await taken(database, 10)).length, 2);
        assert.equal((await taken(database, 10)).length, 0);
      });
      assert.ok(read.entries < 100 && read.pages < 1_000, JSON.stringify(read));
    });
  },
});

/** So many that the indexes have three levels. */
const MANY_SENT = `
  insert into outbox (thought_id, attempts, flow, user_id, cost, rank)
  select gen_random_uuid(), 0, '', 'user ' || n, 1, n from generate_series(1, 300000) n`;

/** Of the outbox's indexes: entries, of the dead ones too, and the pages looked through for them. */
interface IndexReads {
  readonly entries: number;
  readonly pages: number;
}

/** What was read meanwhile. */
async function indexReads(database: Database, run: () => Promise<void>): Promise<IndexReads> {
  const sofar = async () => {
    // On each of the connections, at the same time.
    const flush = () => database.query("select pg_stat_force_next_flush(), pg_sleep(0.2)");
    await Promise.all(Array.from({ length: 3 }, flush));
    const [row] = await database.query<IndexReads>(
      `select sum(idx_tup_read)::float8 as entries, sum(idx_blks_hit + idx_blks_read)::float8 as pages
       from pg_stat_user_indexes join pg_statio_user_indexes using (indexrelid)
       where pg_stat_user_indexes.relname = 'outbox'`,
    );
    return row!;
  };
  const before = await sofar();
  await run();
  const { entries, pages } = await sofar();
  return { entries: entries - before.entries, pages: pages - before.pages };
}

testOnDatabases("an empty outbox sends nothing", async (database) => {
  assert.equal(await createOutbox(database).take(10, () => assert.fail("it sent")), 0);
});

testOnDatabases("relays that take at the same time never take the same message", async (database) => {
  await post(database, many(40, { userId: "a" }));
  const all = (await Promise.all(Array.from({ length: 4 }, () => taken(database, 10)))).flat();
  assert.equal(new Set(all).size, all.length);
  assert.equal(all.length + (await left(database)).length, 40);
});

Deno.test({
  name: "a relay does not wait for what another is sending just now",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    await post(database, many(2, { userId: "a" }));
    await createOutbox(database).take(1, async () => {
      assert.deepEqual(await within(5_000, "The other relay", taken(database, 10)), ["a2"]);
    });
    assert.deepEqual(await left(database), []);
  },
});

testOnDatabases("a listener is notified when thoughts are posted", async (database) => {
  let told = 0;
  await using posted = createOutbox(database).onPosted(() => told++);
  await waitFor("it listens", () => posted.active());
  const before = told;
  await post(database, [{ text: "a" }]);
  await waitFor("it was told", () => told > before);
});
