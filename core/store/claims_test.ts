import assert from "node:assert/strict";
import fc from "fast-check";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { aResult, aThought } from "../../tests/support/thoughts.ts";
import { type Claim, type Claims, createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { within } from "../deadline.ts";
import { DEAD_TOPIC, THOUGHTS_TOPIC } from "../queue/queue.ts";
import { createStore, type Insertion } from "./thoughts.ts";

const LEASE_MS = 60_000;
const MAX_ATTEMPTS = 3;

interface Setup {
  readonly claims: Claims;
  /** Stores thoughts; their messages count as sent. */
  readonly store: (...thoughts: Insertion[]) => Promise<string[]>;
  readonly row: (id: string) => Promise<Row>;
  /** What the outbox has got since the thoughts were stored. */
  readonly messages: () => Promise<Message[]>;
}
interface Row {
  readonly status: string;
  readonly attempts: number;
  readonly result: unknown;
  readonly error: string | null;
  readonly finished_at: Date | null;
}
interface Message {
  readonly topic: string;
  readonly key: string;
  readonly value: string;
  readonly reason: string | null;
  readonly traceparent: string | null;
}

function setUp(database: Database): Setup {
  const inserted = createStore(database, THOUGHTS_TOPIC);
  return {
    claims: createClaims(database, { leaseMs: LEASE_MS, maxAttempts: MAX_ATTEMPTS }),
    async store(...thoughts) {
      await inserted.insert(thoughts);
      await database.query("delete from outbox");
      return thoughts.map(({ id }) => id);
    },
    async row(id) {
      const [row] = await database.query<Row>(
        "select status, attempts, result, error, finished_at from thoughts where id = $1::text::uuid",
        [id],
      );
      return row!;
    },
    messages: async () => [
      ...await database.query<Message>(
        "select topic, key, value, reason, traceparent from outbox order by available_at, id",
      ),
    ],
  };
}

/** As if the workers had been silent for longer than a lease. */
async function expire(database: Database): Promise<void> {
  await database.query(
    "update thoughts set claimed_until = now() - interval '1 ms' where status = 'processing'",
  );
}

/** As if all that is stored had been written an hour ahead of now: the clock has gone back since. */
async function turnBackAnHour(database: Database): Promise<void> {
  await database.query(
    "update thoughts set claimed_until = claimed_until + interval '1 hour', " +
      "queued_at = queued_at + interval '1 hour', created_at = created_at + interval '1 hour'",
  );
  await database.query("update outbox set available_at = available_at + interval '1 hour'");
}

const failure = ({ id, attempt }: Claim, delayMs = 0) => ({ id, attempt, error: "no answer", delayMs });
const completion = ({ id, attempt }: Claim) => ({
  id,
  attempt,
  result: JSON.stringify(aResult(`by attempt ${attempt}`)),
});

testOnDatabases("a claim takes what waits and hands over all that an analysis needs", async (database) => {
  const { claims, store, row } = setUp(database);
  const [id] = await store(aThought({ text: "a text", context: "a context", traceparent: "00-1-2-01" }));
  const before = Date.now();
  const [claim] = await claims.claim([id!]);
  assert.ok(Math.abs(claim!.acceptedAt - before) < 60_000, "the time of acceptance");
  assert.deepEqual(claim, {
    id,
    attempt: 1,
    text: "a text",
    context: "a context",
    traceparent: "00-1-2-01",
    acceptedAt: claim!.acceptedAt,
  });
  assert.equal((await row(id!)).status, "processing");
});

testOnDatabases("what is claimed, finished, given up or unknown is left out of a claim", async (database) => {
  const { claims, store } = setUp(database);
  const [waiting, claimed, completed, givenUp] = await store(aThought(), aThought(), aThought(), aThought());
  await claims.claim([claimed!]);
  await claims.complete((await claims.claim([completed!])).map(completion));
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    await claims.fail((await claims.claim([givenUp!])).map((claim) => failure(claim)));
  }
  const ids = [waiting!, claimed!, completed!, givenUp!, crypto.randomUUID()];
  assert.deepEqual((await claims.claim(ids)).map(({ id }) => id), [waiting]);
  assert.deepEqual(await claims.existing(ids), new Set([waiting, claimed, completed, givenUp]));
  assert.deepEqual(await claims.claim([]), []);
});

testOnDatabases(
  "a stale claim is up for others, and what its owner writes later changes nothing",
  async (database) => {
    const { claims, store, row } = setUp(database);
    const [id] = await store(aThought());
    const [zombie] = await claims.claim([id!]);
    await expire(database);
    const [owner] = await claims.claim([id!]);
    assert.equal(owner!.attempt, 2);
    assert.deepEqual(await claims.complete([completion(zombie!)]), new Set());
    assert.deepEqual(await claims.fail([failure(zombie!)]), { retried: new Set(), givenUp: new Set() });
    assert.deepEqual(await claims.complete([completion(owner!)]), new Set([id]));
    assert.deepEqual(await claims.complete([completion(zombie!)]), new Set());
    assert.deepEqual((await row(id!)).result, aResult("by attempt 2"));
  },
);

testOnDatabases(
  "a zombie's late write changes nothing either while nobody has claimed anew",
  async (database) => {
    const { claims, store, row } = setUp(database);
    const [id] = await store(aThought());
    const [zombie] = await claims.claim([id!]);
    await expire(database);
    assert.deepEqual(await claims.releaseStale(10), { retried: 1, givenUp: 0 });
    assert.deepEqual(await claims.complete([completion(zombie!)]), new Set());
    assert.equal((await row(id!)).status, "pending");
  },
);

testOnDatabases(
  "a claim from before the clock went back is up for others, with its fence",
  async (database) => {
    const { claims, store, row } = setUp(database);
    const [claimed, released] = await store(aThought(), aThought());
    const [zombie] = await claims.claim([claimed!]);
    await claims.claim([released!]);
    await turnBackAnHour(database);
    const [owner] = await claims.claim([claimed!]);
    assert.deepEqual(await claims.releaseStale(10), { retried: 1, givenUp: 0 }, "the other one");
    assert.equal((await row(released!)).status, "pending");
    assert.deepEqual(await claims.complete([completion(zombie!)]), new Set());
    assert.deepEqual(await claims.complete([completion(owner!)]), new Set([claimed]));
  },
);

testOnDatabases("a claim renewed after the clock went back is its owner's", async (database) => {
  const { claims, store } = setUp(database);
  const ids = await store(aThought());
  const claimed = await claims.claim(ids);
  await turnBackAnHour(database);
  await claims.renew(claimed);
  assert.deepEqual(await claims.claim(ids), []);
  assert.deepEqual(await claims.releaseStale(10), { retried: 0, givenUp: 0 });
});

testOnDatabases("a renewed claim is not stale; an outdated one can't be renewed", async (database) => {
  const { claims, store } = setUp(database);
  const [id] = await store(aThought());
  const [first] = await claims.claim([id!]);
  await expire(database);
  await claims.renew([first!]);
  assert.deepEqual(await claims.claim([id!]), []);
  await expire(database);
  const [second] = await claims.claim([id!]);
  await expire(database);
  await claims.renew([first!]);
  assert.equal((await claims.claim([id!])).length, 1, "the outdated renewal did not count");
  assert.equal(second!.attempt, 2);
});

testOnDatabases("a failed attempt is queued again after its delay, in its own trace", async (database) => {
  const { claims, store, row, messages } = setUp(database);
  const [id] = await store(aThought({ userId: "bob", traceparent: "00-1-2-01" }));
  const [claim] = await claims.claim([id!]);
  assert.deepEqual(await claims.fail([failure(claim!, 60_000)]), {
    retried: new Set([id]),
    givenUp: new Set(),
  });
  const { status, error, finished_at } = await row(id!);
  assert.deepEqual([status, error, finished_at], ["pending", "no answer", null]);
  assert.deepEqual(await messages(), [
    { topic: THOUGHTS_TOPIC, key: "bob", value: id, reason: null, traceparent: "00-1-2-01" },
  ]);
  const [due] = await database.query<{ in_s: number }>(
    "select extract(epoch from available_at - now())::float8 as in_s from outbox",
  );
  assert.ok(due!.in_s > 50 && due!.in_s <= 60, `due in ${due!.in_s} s`);
});

testOnDatabases(
  "after its last attempt a thought is given up, with one dead letter that says why",
  async (database) => {
    const { claims, store, row, messages } = setUp(database);
    const [id] = await store(aThought());
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const outcome = await claims.fail((await claims.claim([id!])).map((claim) => failure(claim)));
      assert.equal(outcome.givenUp.size, attempt === MAX_ATTEMPTS ? 1 : 0);
    }
    const { status, finished_at } = await row(id!);
    assert.equal(status, "failed");
    assert.ok(finished_at instanceof Date);
    const dead = (await messages()).filter(({ topic }) => topic === DEAD_TOPIC);
    assert.deepEqual(dead.map(({ value, reason }) => [value, reason]), [[id, "no answer"]]);
  },
);

testOnDatabases("a thought that takes its worker down each time is given up too", async (database) => {
  const { claims, store, row } = setUp(database);
  const [id] = await store(aThought());
  for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
    await claims.claim([id!]);
    await expire(database);
    await claims.releaseStale(10);
  }
  const { status, error } = await row(id!);
  assert.deepEqual([status, error], ["failed", "the worker went away"]);
});

testOnDatabases(
  "stale claims are released a limited number at a time, the oldest thoughts first",
  async (database) => {
    const { claims, store, row } = setUp(database);
    const ids = await store(aThought(), aThought(), aThought());
    await claims.claim(ids);
    assert.deepEqual(await claims.releaseStale(10), { retried: 0, givenUp: 0 }, "none is stale yet");
    await expire(database);
    assert.deepEqual(await claims.releaseStale(2), { retried: 2, givenUp: 0 });
    assert.equal((await row(ids[2]!)).status, "processing");
  },
);

testOnDatabases(
  "a lost message is sent again, once per period, and only while the outbox flows",
  async (database) => {
    const { claims, store, messages } = setUp(database);
    const [id] = await store(aThought());
    assert.equal(await claims.requeueLost(60_000, 10), 0, "it was queued just now");
    await database.query("update thoughts set queued_at = now() - interval '2 minutes'");
    await database.query(
      "insert into outbox (topic, key, value, available_at) values ('thoughts', 'a', 'b', now() - interval '1 minute')",
    );
    assert.equal(await claims.requeueLost(60_000, 10), 0, "the outbox is stuck: nothing is lost, it waits");
    await database.query("delete from outbox");
    assert.equal(await claims.requeueLost(60_000, 10), 1);
    assert.equal(await claims.requeueLost(60_000, 10), 0);
    assert.deepEqual((await messages()).map(({ value }) => value), [id]);
  },
);

testOnDatabases(
  "a message from before the clock went back is sent again, unless it still waits",
  async (database) => {
    const { claims, store, messages } = setUp(database);
    const [id] = await store(aThought());
    await database.query("insert into outbox (topic, key, value) values ('thoughts', 'a', 'b')");
    await turnBackAnHour(database);
    assert.equal(await claims.requeueLost(60_000, 10), 0, "what the outbox holds is not lost");
    await database.query("delete from outbox");
    assert.equal(await claims.requeueLost(60_000, 10), 1);
    assert.equal(await claims.requeueLost(60_000, 10), 0);
    assert.deepEqual((await messages()).map(({ value }) => value), [id]);
  },
);

testOnDatabases("a message that is delayed is not lost", async (database) => {
  const { claims, store } = setUp(database);
  await claims.fail((await claims.claim(await store(aThought()))).map((claim) => failure(claim, 60_000)));
  assert.equal(await claims.requeueLost(60_000, 10), 0);
});

testOnDatabases("a message of work under way or done is never lost", async (database) => {
  const { claims, store } = setUp(database);
  const [claimed, completed] = await store(aThought(), aThought());
  await claims.claim([claimed!]);
  await claims.complete((await claims.claim([completed!])).map(completion));
  await database.query("update thoughts set queued_at = now() - interval '1 day'");
  assert.equal(await claims.requeueLost(60_000, 10), 0);
});

testOnDatabases(
  "a redrive gives a failed thought all its attempts again, and leaves others alone",
  async (database) => {
    const { claims, store, row, messages } = setUp(database);
    const [id, other, completed] = await store(aThought(), aThought(), aThought());
    await claims.complete((await claims.claim([completed!])).map(completion));
    const exhaust = async (of: string) => {
      let attempts = 0;
      for (;;) {
        const claimed = await claims.claim([of]);
        if (claimed.length === 0) return attempts;
        attempts++;
        await claims.fail(claimed.map((claim) => failure(claim)));
      }
    };
    assert.equal(await exhaust(id!), MAX_ATTEMPTS);
    await exhaust(other!);
    await database.query("delete from outbox");

    assert.equal(await claims.redrive({ id: completed! }), 0);
    assert.equal(await claims.redrive({ id: id! }), 1);
    assert.deepEqual((await messages()).map(({ topic, value }) => [topic, value]), [[THOUGHTS_TOPIC, id]]);
    assert.deepEqual(await row(id!), {
      status: "pending",
      attempts: MAX_ATTEMPTS,
      result: null,
      error: null,
      finished_at: null,
    });
    assert.equal(await exhaust(id!), MAX_ATTEMPTS);
    assert.equal((await row(other!)).status, "failed");
    assert.equal(await claims.redrive({ limit: 1 }), 1);
    assert.equal(await claims.redrive({ limit: 10 }), 1);
    assert.equal((await row(completed!)).status, "completed");
  },
);

testOnDatabases("what waits is counted: thoughts, their age, the outbox and its age", async (database) => {
  const { claims, store } = setUp(database);
  assert.deepEqual(await claims.waiting(), { thoughts: 0, oldestS: 0, outbox: 0, outboxAgeS: 0 });
  const [old] = await store(aThought(), aThought(), aThought());
  await claims.claim([old!]);
  await database.query(
    "update thoughts set created_at = now() - interval '90 seconds' where id = $1::text::uuid",
    [old!],
  );
  await database.query(
    "insert into outbox (topic, key, value, available_at) values ('t', 'k', 'due', now() - interval '30 seconds'), " +
      "('t', 'k', 'delayed', now() + interval '1 hour')",
  );
  const waiting = await claims.waiting();
  assert.deepEqual([waiting.thoughts, waiting.outbox], [3, 2]);
  assert.ok(waiting.oldestS >= 90 && waiting.oldestS < 150, `${waiting.oldestS} s`);
  assert.ok(waiting.outboxAgeS >= 30 && waiting.outboxAgeS < 90, `${waiting.outboxAgeS} s`);
  await database.query("delete from outbox where value = 'due'");
  assert.equal((await claims.waiting()).outboxAgeS, 0, "what is not due yet does not wait");
  await turnBackAnHour(database);
  const { oldestS, outboxAgeS } = await claims.waiting();
  assert.deepEqual([oldestS, outboxAgeS], [0, 0], "no age is negative when the clock has gone back");
});

testOnDatabases("many claims at once never take a thought twice", async (database) => {
  const { claims, store } = setUp(database);
  const ids = await store(...Array.from({ length: 50 }, () => aThought()));
  const taken = (await Promise.all(Array.from({ length: 8 }, () => claims.claim(ids)))).flat();
  assert.equal(taken.length, 50);
  assert.equal(new Set(taken.map(({ id }) => id)).size, 50);
});

Deno.test({
  name: "a claim does not wait for what another is claiming just now",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    const { claims, store } = setUp(database);
    const [held, free] = await store(aThought(), aThought());
    await database.transaction(async (tx) => {
      await tx.query("select from thoughts where id = $1::text::uuid for update", [held!]);
      const taken = await within(5_000, "The claim", claims.claim([held!, free!]));
      assert.deepEqual(taken.map(({ id }) => id), [free]);
    });
  },
});

/** What workers, the reconciler and the clock may do, in any order, several at once. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant("claim" as const) },
  { weight: 3, arbitrary: fc.constant("complete" as const) },
  { weight: 3, arbitrary: fc.constant("fail" as const) },
  { weight: 1, arbitrary: fc.constantFrom("renew", "expire", "releaseStale", "redrive") },
);

testOnDatabases(
  "in whatever order workers act, a thought is completed at most once and then stays so",
  async (database) => {
    const { claims, store, row, messages } = setUp(database);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(step, fc.nat(), fc.boolean()), { minLength: 1, maxLength: 3 }), {
          maxLength: 20,
        }),
        async (rounds) => {
          await database.query("truncate thoughts, outbox");
          const [id] = await store(aThought());
          const held: Claim[] = []; // every claim ever made, by its worker, forgotten or not
          const completedBy: number[] = [];
          const deaths: number[] = [];
          const act = async ([what, which, recent]: [string, number, boolean]) => {
            const mine = held.at(recent ? -1 : which % Math.max(1, held.length));
            if (what === "claim") held.push(...await claims.claim([id!]));
            else if (what === "expire") await expire(database);
            else if (what === "releaseStale") deaths.push((await claims.releaseStale(10)).givenUp);
            else if (what === "redrive") await claims.redrive({ limit: 10 });
            else if (mine === undefined) return;
            else if (what === "renew") await claims.renew([mine]);
            else if (what === "complete") {
              if ((await claims.complete([completion(mine)])).size > 0) completedBy.push(mine.attempt);
            } else deaths.push((await claims.fail([failure(mine)])).givenUp.size);
          };
          for (const round of rounds) await Promise.all(round.map(act));

          const { status, attempts, result } = await row(id!);
          const newest = Math.max(0, ...held.map(({ attempt }) => attempt));
          assert.equal(
            new Set(held.map(({ attempt }) => attempt)).size,
            held.length,
            "each claim is an attempt of its own",
          );
          assert.equal(attempts, newest);
          assert.ok(completedBy.length <= 1, `completed by ${completedBy}`);
          assert.equal(status === "completed", completedBy.length === 1);
          assert.deepEqual(result, completedBy.length === 1 ? aResult(`by attempt ${newest}`) : null);
          assert.equal(
            (await messages()).filter(({ topic }) => topic === DEAD_TOPIC).length,
            deaths.reduce((sum, count) => sum + count, 0),
          );
        },
      ),
      { numRuns: 25 },
    );
  },
);
