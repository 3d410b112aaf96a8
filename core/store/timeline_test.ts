/** The timeline of a thought: which times it records, and that none of them is from an earlier attempt. */
import assert from "node:assert/strict";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { aResult, aThought } from "../../tests/support/thoughts.ts";
import { waitFor } from "../../tests/support/wait.ts";
import type { Timeline } from "../thought.ts";
import { type Claim, createClaims } from "./claims.ts";
import type { Database } from "./database.ts";
import { createStore } from "./thoughts.ts";

const RESULT = JSON.stringify(aResult());

function setUp(database: Database) {
  const store = createStore(database);
  const claims = createClaims(database, { leaseMs: 60_000, maxAttempts: 5 });
  const timeline = async (id: string) => (await store.get(id))!.timeline;
  return { store, claims, timeline };
}

/** The times of a timeline, in order. */
function times(timeline: Timeline): (number | null)[] {
  const { acceptedAt, queuedAt, publishedAt, claimedAt, analysedAt, finishedAt } = timeline;
  return [acceptedAt, queuedAt, publishedAt, claimedAt, analysedAt, finishedAt]
    .map((time) => time === null ? null : Date.parse(time));
}

const inOrder = (timeline: Timeline) => {
  const known = times(timeline).filter((time) => time !== null);
  assert.deepEqual(known, known.toSorted((one, other) => one - other), JSON.stringify(timeline));
};

const failure = ({ id, attempt }: Claim, delayMs: number) => ({
  id,
  attempt,
  error: "no answer",
  kind: "charged" as const,
  reason: "analyser_error",
  delayMs,
});

testOnDatabases("a thought's timeline grows with each station that it reaches", async (database) => {
  const { store, claims, timeline } = setUp(database);
  const thought = aThought();
  await store.insert([thought]);
  const accepted = await timeline(thought.id);
  assert.equal(accepted.queuedAt, accepted.acceptedAt);
  assert.deepEqual(times(accepted).slice(2), [null, null, null, null]);

  const [claim] = await claims.claim([thought.id], new Map([[thought.id, Date.now()]]));
  const claimed = await timeline(thought.id);
  assert.deepEqual(times(claimed).map((time) => time !== null), [true, true, true, true, false, false]);
  assert.equal(claimed.analysedBy, null);

  await claims.complete([{ ...claim!, result: RESULT, analysedAt: Date.now(), fromCache: true }]);
  const completed = await timeline(thought.id);
  assert.ok(times(completed).every((time) => time !== null));
  assert.equal(completed.analysedBy, "cache");
  inOrder(completed);
});

testOnDatabases("a retry's timeline shows nothing of the previous attempt", async (database) => {
  const { store, claims, timeline } = setUp(database);
  const thought = aThought();
  await store.insert([thought]);
  const [claim] = await claims.claim([thought.id], new Map([[thought.id, Date.now()]]));
  await claims.fail([failure(claim!, 10_000)]);
  const waiting = await timeline(thought.id);
  const [accepted, queued, ...later] = times(waiting);
  assert.ok(queued! - accepted! >= 10_000, "it is due when its delay is over");
  assert.deepEqual(later, [null, null, null, null]);
  await claims.claim([thought.id]);
  const again = await timeline(thought.id);
  assert.equal(again.publishedAt, null, "not known this time");
  inOrder(again);
});

testOnDatabases(
  "no station lies before the one before it, whatever the workers' clocks say",
  async (database) => {
    const { store, claims, timeline } = setUp(database);
    for (const wrongMs of [-3_600_000, 3_600_000]) {
      const thought = aThought();
      await store.insert([thought]);
      const [claim] = await claims.claim([thought.id], new Map([[thought.id, Date.now() + wrongMs]]));
      await claims.complete([{
        ...claim!,
        result: RESULT,
        analysedAt: Date.now() + wrongMs,
        fromCache: false,
      }]);
      const wrong = await timeline(thought.id);
      assert.ok(times(wrong).every((time) => time !== null));
      assert.equal(wrong.analysedBy, "analyser");
      inOrder(wrong);
    }
  },
);

Deno.test({
  name: "a claim that records times is still a heap-only update",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    const { store, claims } = setUp(database);
    const thoughts = Array.from({ length: 20 }, () => aThought());
    await store.insert(thoughts);
    const published = new Map(thoughts.map(({ id }) => [id, Date.now()]));
    assert.equal((await claims.claim([...published.keys()], published)).length, 20);
    // The server's counts are written by each connection within a second.
    const { updates, hot } = await waitFor("the server to count the updates", async () => {
      const [row] = await database.query<{ updates: number; hot: number }>(
        `select n_tup_upd::int as updates, n_tup_hot_upd::int as hot from pg_stat_user_tables where relname = 'thoughts'`,
      );
      return row!.updates >= 20 && row!;
    });
    assert.equal(hot, updates);
  },
});
