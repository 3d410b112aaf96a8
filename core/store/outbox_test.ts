import assert from "node:assert/strict";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import type { Database } from "./database.ts";
import { within } from "../deadline.ts";
import { createOutbox, type Outbox } from "./outbox.ts";
import type { Message } from "../queue/queue.ts";

const message = (value: string): Message => ({
  topic: "t",
  key: "k",
  value,
  reason: null,
  traceparent: null,
});

async function fill(outbox: Outbox, ...values: string[]): Promise<void> {
  for (const value of values) await outbox.put(message(value));
}

async function left(database: Database): Promise<string[]> {
  const rows = await database.query<{ value: string }>("select value from outbox order by available_at, id");
  return rows.map(({ value }) => value);
}

/** Takes messages and answers their values. */
async function taken(outbox: Outbox, limit: number): Promise<string[]> {
  const values: string[] = [];
  const count = await outbox.take(limit, (messages) => {
    values.push(...messages.map(({ value }) => value));
    return Promise.resolve();
  });
  assert.equal(count, values.length);
  return values;
}

testOnDatabases("what is put in comes out once, all of it, with its reason and trace", async (database) => {
  const outbox = createOutbox(database);
  const put = {
    topic: "thoughts.dead",
    key: "ada",
    value: "1",
    reason: "no answer",
    traceparent: "00-1-2-01",
  };
  await outbox.put(put);
  await outbox.take(10, (messages) => {
    assert.deepEqual(messages.map((message) => ({ ...message })), [put]);
    return Promise.resolve();
  });
  assert.deepEqual(await taken(outbox, 10), []);
});

testOnDatabases("the oldest are taken first, no more than asked for", async (database) => {
  const outbox = createOutbox(database);
  await fill(outbox, "1", "2", "3");
  assert.deepEqual((await taken(outbox, 2)).toSorted(), ["1", "2"]);
  assert.deepEqual(await left(database), ["3"]);
});

testOnDatabases("what is not due yet stays", async (database) => {
  const outbox = createOutbox(database);
  await fill(outbox, "due", "later");
  await database.query("update outbox set available_at = now() + interval '1 minute' where value = 'later'");
  assert.deepEqual(await taken(outbox, 10), ["due"]);
  assert.deepEqual(await left(database), ["later"]);
});

testOnDatabases(
  "what was put in before the clock went back an hour is due, and comes first",
  async (database) => {
    const outbox = createOutbox(database);
    await fill(outbox, "1", "2", "3", "4");
    await database.query(
      "update outbox set available_at = now() + interval '1 hour' where value in ('1', '2')",
    );
    await database.query("update outbox set available_at = now() + interval '1 minute' where value = '4'");
    assert.deepEqual(await taken(outbox, 1), ["1"]);
    assert.deepEqual((await taken(outbox, 2)).toSorted(), ["2", "3"]);
    assert.deepEqual(await left(database), ["4"]);
  },
);

testOnDatabases("when sending fails everything stays, in its order", async (database) => {
  const outbox = createOutbox(database);
  await fill(outbox, "1", "2");
  await assert.rejects(outbox.take(10, () => Promise.reject(new Error("no Kafka"))), /no Kafka/);
  assert.deepEqual(await left(database), ["1", "2"]);
  assert.deepEqual((await taken(outbox, 10)).toSorted(), ["1", "2"]);
});

testOnDatabases("an empty outbox sends nothing", async (database) => {
  assert.equal(await createOutbox(database).take(10, () => assert.fail("it sent")), 0);
});

testOnDatabases("relays that take at the same time never take the same message", async (database) => {
  const outbox = createOutbox(database);
  await fill(outbox, ...Array.from({ length: 40 }, (_, at) => String(at)));
  const all = (await Promise.all(Array.from({ length: 4 }, () => taken(outbox, 10)))).flat();
  assert.equal(new Set(all).size, all.length);
  assert.equal(all.length + (await left(database)).length, 40);
});

Deno.test({
  name: "a relay does not wait for what another is sending just now",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    const outbox = createOutbox(database);
    await fill(outbox, "1", "2");
    await outbox.take(1, async () => {
      assert.deepEqual(await within(5_000, "The other relay", taken(outbox, 10)), ["2"]);
    });
    assert.deepEqual(await left(database), []);
  },
});
