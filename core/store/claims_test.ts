import assert from "node:assert/strict";
import fc from "fast-check";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { aResult, aThought } from "../../tests/support/thoughts.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { type Claim, type Claims, createClaims, type Failure } from "./claims.ts";
import { createStranded, MAX_CRASHES, type Stranded } from "./stranded.ts";
import { countWaiting, createWaitingCounter, readWaiting } from "./waiting.ts";
import type { Database } from "./database.ts";
import { createOperator, type Operator } from "./operator.ts";
import { createStore, type Insertion } from "./thoughts.ts";
import { CANARY_USER } from "../thought.ts";

const LEASE_MS = 60_000;
const MAX_ATTEMPTS = 3;

interface Setup {
  readonly claims: Claims;
  readonly stranded: Stranded;
  readonly operator: Operator;
  /** Stores thoughts; their messages count as sent. */
  readonly store: (...thoughts: Insertion[]) => Promise<string[]>;
  readonly row: (id: string) => Promise<Row>;
  /** The thoughts put into the outbox since they were stored. */
  readonly announced: () => Promise<string[]>;
  readonly deadLetters: () => Promise<DeadLetter[]>;
}
interface Row {
  readonly status: string;
  readonly attempts: number;
  readonly result: unknown;
  readonly error: string | null;
  readonly finished_at: Date | null;
}
interface DeadLetter {
  readonly value: string;
  readonly reason: string;
  readonly traceparent: string | null;
}

function setUp(database: Database): Setup {
  const inserted = createStore(database);
  return {
    claims: createClaims(database, { leaseMs: LEASE_MS, maxAttempts: MAX_ATTEMPTS }),
    stranded: createStranded(database),
    operator: createOperator(database),
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
    announced: async () =>
      (await database.query<{ id: string }>(
        "select thought_id as id from outbox order by rank, available_at",
      ))
        .map(({ id }) => id),
    deadLetters: async () => [
      ...await database.query<DeadLetter>("select value, reason, traceparent from dead_letters order by id"),
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

const failure = (
  { id, attempt }: Claim,
  { kind = "charged" as const, delayMs = 0 }: Partial<Failure> = {},
) => ({
  id,
  attempt,
  error: "no answer",
  kind,
  reason: "timeout",
  delayMs,
});
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
    charged: 1,
    text: "a text",
    context: "a context",
    priority: "interactive",
    traceparent: "00-1-2-01",
    acceptedAt: claim!.acceptedAt,
    canary: false,
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

/** Releases every stale claim, as the reconciler does. */
async function releaseStale(stranded: Stranded) {
  const { waiting, failed } = await stranded.releaseStale((await stranded.look(null, 100, 0)).stale);
  return [waiting.size, failed.size];
}

testOnDatabases(
  "a stale claim is up for others, and what its owner writes later changes nothing",
  async (database) => {
    const { claims, stranded, store, row } = setUp(database);
    const [id] = await store(aThought());
    const [zombie] = await claims.claim([id!]);
    await expire(database);
    assert.deepEqual(await releaseStale(stranded), [1, 0]);
    assert.deepEqual(await claims.complete([completion(zombie!)]), {
      stored: new Set(),
      fenced: new Set([id]),
    });
    assert.equal((await row(id!)).status, "pending");
    const owner = await claims.claimSuspect();
    assert.equal(owner!.attempt, 2);
    assert.deepEqual(await claims.complete([completion(zombie!)]), {
      stored: new Set(),
      fenced: new Set([id]),
    });
    assert.deepEqual(await claims.fail([failure(zombie!)]), { waiting: new Set(), failed: new Set() });
    assert.deepEqual((await claims.complete([completion(owner!)])).stored, new Set([id]));
    assert.deepEqual((await claims.complete([completion(zombie!)])).stored, new Set());
    assert.deepEqual((await row(id!)).result, aResult("by attempt 2"));
  },
);

testOnDatabases(
  "a result stored twice by the same claim counts as stored, one of a deleted thought as neither",
  async (database) => {
    const { claims, store } = setUp(database);
    const [claim, gone] = await claims.claim(await store(aThought(), aThought()));
    const stored = { stored: new Set([claim!.id]), fenced: new Set() };
    assert.deepEqual(await claims.complete([completion(claim!)]), stored);
    await database.query("delete from thoughts where id = $1::text::uuid", [gone!.id]);
    assert.deepEqual(await claims.complete([completion(claim!), completion(gone!)]), stored);
  },
);

testOnDatabases(
  "a claim from before the clock went back is up for others, with its fence",
  async (database) => {
    const { claims, stranded, store, row } = setUp(database);
    const [id] = await store(aThought());
    const [zombie] = await claims.claim([id!]);
    await turnBackAnHour(database);
    assert.deepEqual(await releaseStale(stranded), [1, 0]);
    assert.equal((await row(id!)).status, "pending");
    const owner = await claims.claimSuspect();
    assert.deepEqual((await claims.complete([completion(zombie!)])).fenced, new Set([id]));
    assert.deepEqual((await claims.complete([completion(owner!)])).stored, new Set([id]));
  },
);

testOnDatabases("a claim renewed after the clock went back is its owner's", async (database) => {
  const { claims, stranded, store } = setUp(database);
  const ids = await store(aThought());
  const claimed = await claims.claim(ids);
  await turnBackAnHour(database);
  assert.deepEqual(await claims.renew(claimed), new Set(ids));
  assert.deepEqual(await claims.claim(ids), []);
  assert.deepEqual(await releaseStale(stranded), [0, 0]);
});

testOnDatabases("a renewed claim is not stale; an outdated one can't be renewed", async (database) => {
  const { claims, stranded, store } = setUp(database);
  const [id] = await store(aThought());
  const [first] = await claims.claim([id!]);
  await expire(database);
  const { stale } = await stranded.look(null, 10, 0);
  assert.deepEqual(await claims.renew([first!]), new Set([id]));
  assert.deepEqual((await stranded.releaseStale(stale)).waiting, new Set(), "renewed since it was found");
  await expire(database);
  assert.deepEqual(await releaseStale(stranded), [1, 0]);
  assert.equal((await claims.claimSuspect())!.attempt, 2);
  assert.deepEqual(await claims.renew([first!]), new Set());
});

testOnDatabases("a failed attempt is announced again after its delay, in its own trace", async (database) => {
  const { claims, store, row } = setUp(database);
  const [id] = await store(aThought({ userId: "bob", traceparent: "00-1-2-01" }));
  const [claim] = await claims.claim([id!]);
  assert.deepEqual(await claims.fail([failure(claim!, { delayMs: 60_000 })]), {
    waiting: new Set([id]),
    failed: new Set(),
  });
  const { status, error, finished_at } = await row(id!);
  assert.deepEqual([status, error, finished_at], ["pending", "no answer", null]);
  const [message] = await database.query<{ in_s: number }>(
    "select thought_id, user_id, rank, traceparent, extract(epoch from available_at - now())::float8 as in_s from outbox",
  );
  const { in_s: inS, ...rest } = message!;
  assert.deepEqual(rest, { thought_id: id, user_id: "bob", rank: null, traceparent: "00-1-2-01" });
  assert.ok(inS > 50 && inS <= 60, `due in ${inS} s`);
});

testOnDatabases(
  "after its last attempt a thought fails, with one dead letter that says why",
  async (database) => {
    const { claims, store, row, deadLetters } = setUp(database);
    const [id] = await store(aThought());
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const outcome = await claims.fail((await claims.claim([id!])).map((claim) => failure(claim)));
      assert.equal(outcome.failed.size, attempt === MAX_ATTEMPTS ? 1 : 0);
    }
    const { status, finished_at } = await row(id!);
    assert.equal(status, "failed");
    assert.ok(finished_at instanceof Date);
    assert.deepEqual(await deadLetters(), [{ value: id, reason: "no answer", traceparent: null }]);
  },
);

testOnDatabases("a released attempt is not charged, however often it happens", async (database) => {
  const { claims, store, row } = setUp(database);
  const [id] = await store(aThought());
  for (let attempt = 1; attempt <= 3 * MAX_ATTEMPTS; attempt++) {
    const [claim] = await claims.claim([id!]);
    assert.deepEqual([claim!.attempt, claim!.charged], [attempt, 1]);
    await claims.fail([failure(claim!, { kind: "released" })]);
  }
  assert.equal((await row(id!)).status, "pending");
});

testOnDatabases("a refused thought fails at once", async (database) => {
  const { claims, store, row, deadLetters } = setUp(database);
  const [claim] = await claims.claim(await store(aThought()));
  await claims.fail([failure(claim!, { kind: "refused" })]);
  assert.equal((await row(claim!.id)).status, "failed");
  assert.equal((await deadLetters()).length, 1);
});

testOnDatabases(
  "an error with a NUL, half a character or without an end does not hold its neighbours",
  async (database) => {
    const { claims, store, row } = setUp(database);
    const claimed = await claims.claim(await store(aThought(), aThought(), aThought(), aThought()));
    const errors = ["a\0b", "c\ud800d", "e".repeat(100_000), "fine"];
    const { waiting } = await claims.fail(
      claimed.map((claim, at) => ({ ...failure(claim), error: errors[at]! })),
    );
    assert.equal(waiting.size, 4);
    const stored = await Promise.all(claimed.map(({ id }) => row(id)));
    assert.deepEqual(stored.map(({ error }) => error!.length <= 500), [true, true, true, true]);
    assert.equal(stored[3]!.error, "fine");
  },
);

testOnDatabases(
  "a thought that takes its worker down is tried alone, and fails the third time, charged with nothing",
  async (database) => {
    const { claims, stranded, store, row, announced } = setUp(database);
    const [id, neighbour] = await store(aThought(), aThought());
    await claims.claim([id!, neighbour!]);
    for (let crash = 1; crash <= MAX_CRASHES; crash++) {
      await expire(database);
      assert.deepEqual(
        await releaseStale(stranded),
        crash === 1 ? [2, 0] : crash === MAX_CRASHES ? [0, 1] : [1, 0],
      );
      if (crash === 1) {
        assert.deepEqual((await announced()).toSorted(), [id, neighbour].toSorted());
        assert.deepEqual(await claims.claim([id!, neighbour!]), [], "not together with others");
        const alone = [await claims.claimSuspect(), await claims.claimSuspect()];
        await claims.complete([completion(alone.find((claim) => claim!.id === neighbour)!)]);
      } else if (crash < MAX_CRASHES) assert.equal((await claims.claimSuspect())!.charged, 1);
      assert.equal(await claims.claimSuspect(), null);
    }
    const { status, error } = await row(id!);
    assert.equal(status, "failed");
    assert.match(error!, /ended during its analysis, 3 times/);
    assert.equal((await row(neighbour!)).status, "completed");
  },
);

testOnDatabases("an analysis that ends clears the thought's crashes", async (database) => {
  const { claims, stranded, store } = setUp(database);
  const [id] = await store(aThought());
  await claims.claim([id!]);
  await expire(database);
  await releaseStale(stranded);
  await claims.fail([failure((await claims.claimSuspect())!)]);
  assert.equal((await claims.claim([id!])).length, 1, "tried with others again");
});

testOnDatabases("a look finds what is stale and what is announced, part by part", async (database) => {
  const { claims, stranded, store } = setUp(database);
  const ids = await store(...Array.from({ length: 5 }, () => aThought()));
  await claims.claim(ids.slice(0, 3));
  assert.deepEqual((await stranded.look(null, 10, 0)).stale, [], "none is stale yet");
  await expire(database);
  const first = await stranded.look(null, 2, 0);
  assert.deepEqual(first.stale.map(({ id }) => id), ids.slice(0, 2));
  const second = await stranded.look(first.next, 2, 0);
  assert.deepEqual(second.stale.map(({ id }) => id), [ids[2]]);
  assert.deepEqual(second.announced.map(({ id }) => id), [ids[3]]);
  const third = await stranded.look(second.next, 2, 0);
  assert.deepEqual([third.announced.map(({ id }) => id), third.next], [[ids[4]], null]);
});

testOnDatabases("a lost announcement is made again, once", async (database) => {
  const { stranded, store, announced } = setUp(database);
  const [id] = await store(aThought());
  const lost = (await stranded.look(null, 10, 0)).announced;
  assert.deepEqual(lost.map(({ id }) => id), [id]);
  assert.deepEqual(
    await Promise.all([stranded.announceAgain(lost), stranded.announceAgain(lost)]).then((counts) =>
      counts.toSorted()
    ),
    [0, 1],
  );
  assert.deepEqual(await announced(), [id]);
  assert.deepEqual((await stranded.look(null, 10, 0)).announced, [], "it is in the outbox");
  await database.query("delete from outbox");
  assert.equal(await stranded.announceAgain(lost), 0, "it has been announced since");
});

testOnDatabases("what is delayed, under way or done is not lost", async (database) => {
  const { claims, stranded, store } = setUp(database);
  const [delayed, claimed, completed] = await claims.claim(await store(aThought(), aThought(), aThought()));
  await claims.fail([failure(delayed!, { delayMs: 60_000 })]);
  await claims.complete([completion(completed!)]);
  assert.deepEqual((await stranded.look(null, 10, 0)).announced, []);
  assert.equal(await stranded.announceAgain([{ id: claimed!.id, queuedAt: "2020-01-01" }]), 0);
});

testOnDatabases(
  "a redrive gives a failed thought all its attempts again, and leaves others alone",
  async (database) => {
    const { claims, operator, store, row, announced } = setUp(database);
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

    assert.equal((await operator.redrive(completed!)).outcome, "conflict");
    assert.equal((await operator.redrive(id!)).outcome, "done");
    assert.deepEqual(await announced(), [id]);
    assert.deepEqual(await row(id!), {
      status: "pending",
      attempts: MAX_ATTEMPTS,
      result: null,
      error: null,
      finished_at: null,
    });
    assert.equal(await exhaust(id!), MAX_ATTEMPTS);
    assert.equal((await row(other!)).status, "failed");
    assert.equal(await operator.redriveAll({ limit: 1 }), 1);
    assert.equal(await operator.redriveAll({ limit: 10 }), 1);
    assert.equal((await row(completed!)).status, "completed");
  },
);

testOnDatabases(
  "what waits is counted: thoughts and their age by priority, and the outbox",
  async (database) => {
    const { claims, store } = setUp(database);
    const none = { interactive: 0, batch: 0 };
    assert.deepEqual(await countWaiting(database), { thoughts: none, oldestS: none, outbox: 0 });
    await store(aThought({ userId: CANARY_USER }));
    const canary = await countWaiting(database);
    assert.deepEqual(
      [canary.thoughts, canary.oldestS],
      [none, none],
      "the canary's thoughts are not people's",
    );
    const [old] = await store(aThought(), aThought(), aThought(), aThought({ priority: "batch" }));
    const [claim] = await claims.claim([old!]);
    await database.query(
      "update thoughts set created_at = now() - interval '90 seconds' where id = $1::text::uuid",
      [
        old!,
      ],
    );
    await claims.fail([failure(claim!, { delayMs: 60_000 })]);
    const { thoughts, oldestS, outbox } = await countWaiting(database);
    assert.deepEqual([thoughts, outbox], [{ interactive: 3, batch: 1 }, 1]);
    assert.ok(oldestS.interactive >= 90 && oldestS.interactive < 150, `${oldestS.interactive} s`);
    assert.ok(oldestS.batch < 30, `${oldestS.batch} s`);
    const other = await readWaiting(database);
    assert.deepEqual(
      [other.thoughts, other.oldestS, other.outbox],
      [thoughts, oldestS, outbox],
      "for all workers",
    );
    await database.query("update waiting set counted_at = now() - interval '21 seconds'");
    await assert.rejects(readWaiting(database), /No worker has counted/, "an old count is not shown");
    await turnBackAnHour(database);
    assert.deepEqual(
      (await countWaiting(database)).oldestS,
      none,
      "no age is negative when the clock has gone back",
    );
  },
);

testOnDatabases("many claims at once never take a thought twice", async (database) => {
  const { claims, store } = setUp(database);
  const ids = await store(...Array.from({ length: 50 }, () => aThought()));
  const taken = (await Promise.all(Array.from({ length: 8 }, () => claims.claim(ids)))).flat();
  assert.equal(taken.length, 50);
  assert.equal(new Set(taken.map(({ id }) => id)).size, 50);
});

Deno.test({
  name: "a claim waits for rows that another is claiming just now, and leaves none out",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    const { claims, store } = setUp(database);
    const ids = await store(aThought(), aThought());
    let claiming: Promise<Claim[]>;
    await database.transaction(async (tx) => {
      await tx.query("select from thoughts where id = $1::text::uuid for update", [ids[0]!]);
      claiming = claims.claim(ids);
      await waitFor(
        "the claim to wait",
        async () => (await database.query("select from pg_locks where not granted")).length > 0,
      );
    });
    assert.equal((await claiming!).length, 2);
  },
});

/** What workers, the reconciler and the clock may do, in any order, several at once. */
const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant("claim" as const) },
  { weight: 3, arbitrary: fc.constant("complete" as const) },
  { weight: 3, arbitrary: fc.constant("fail" as const) },
  { weight: 1, arbitrary: fc.constantFrom("renew", "expire", "releaseStale", "claimSuspect", "redrive") },
);

testOnDatabases(
  "in whatever order workers act, a thought is completed at most once and then stays so",
  async (database) => {
    const { claims, stranded, operator, store, row, deadLetters } = setUp(database);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.tuple(step, fc.nat(), fc.boolean()), { minLength: 1, maxLength: 3 }), {
          maxLength: 20,
        }),
        async (rounds) => {
          await database.query("truncate thoughts, outbox, dead_letters");
          const [id] = await store(aThought());
          const held: Claim[] = []; // every claim ever made, by its worker, forgotten or not
          const completedBy = new Set<number>(); // a claim may store its result more than once
          const deaths: number[] = [];
          const act = async ([what, which, recent]: [string, number, boolean]) => {
            const mine = held.at(recent ? -1 : which % Math.max(1, held.length));
            if (what === "claim") held.push(...await claims.claim([id!]));
            else if (what === "claimSuspect") {
              held.push(...[await claims.claimSuspect()].filter((claim) => claim !== null));
            } else if (what === "expire") await expire(database);
            else if (what === "releaseStale") deaths.push((await releaseStale(stranded))[1]!);
            else if (what === "redrive") await operator.redriveAll({ limit: 10 });
            else if (mine === undefined) return;
            else if (what === "renew") await claims.renew([mine]);
            else if (what === "complete") {
              if ((await claims.complete([completion(mine)])).stored.size > 0) completedBy.add(mine.attempt);
            } else {deaths.push(
                (await claims.fail([failure(mine, { kind: recent ? "charged" : "released" })])).failed.size,
              );}
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
          assert.ok(completedBy.size <= 1, `completed by ${[...completedBy]}`);
          assert.equal(status === "completed", completedBy.size === 1);
          assert.deepEqual(result, completedBy.size === 1 ? aResult(`by attempt ${newest}`) : null);
          assert.equal(
            (await deadLetters()).length,
            deaths.reduce((sum, count) => sum + count, 0),
          );
        },
      ),
      { numRuns: 25 },
    );
  },
);

testOnDatabases(
  "a long backlog is counted again only after a hundred times the time it took",
  async (database) => {
    const { store } = setUp(database);
    let ms = 0;
    const count = createWaitingCounter(database, { many: 3, now: () => ms += 100 });
    const waiting = async () => (await count()).thoughts.interactive;
    await store(aThought());
    assert.equal(await waiting(), 1);
    await store(aThought(), aThought());
    assert.equal(await waiting(), 3, "few are counted each time");
    await store(aThought());
    assert.equal(await waiting(), 3);
    assert.equal((await readWaiting(database)).thoughts.interactive, 3, "and what is read is current");
    ms += 10_000;
    assert.equal(await waiting(), 4);
  },
);
