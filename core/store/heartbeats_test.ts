import assert from "node:assert/strict";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { createHeartbeats } from "./heartbeats.ts";

for (const { kind, ignore } of DATABASES) {
  Deno.test({
    name: `on ${kind}, workers are present while they beat, and gone when they leave or stop beating`,
    ignore,
    async fn() {
      await using database = await openTestDatabase(kind);
      const heartbeats = createHeartbeats(database);
      const gate = { status: "closed", reason: "outage", since: 1_767_323_045_000 } as const;
      const beat = async (id: string, processed: number) =>
        (await heartbeats.beat(beating(id, processed))).vanished;
      const beating = (id: string, processed: number) => ({
        id,
        active: true,
        expected: 2,
        processed,
        failed: 1,
        cacheHits: 2,
        cacheMisses: 3,
        gate,
      });
      const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
      assert.equal(await beat(one, 1), 0);
      await database.query("update workers set seen_at = now() - interval '1 minute'");
      assert.equal(await beat(one, 5_000_000_000), 0, "it is there again");
      await beat(other, 7);
      const present = await heartbeats.present();
      assert.deepEqual(
        present.map(({ id, processed }) => [id, processed]).toSorted(),
        [[one, 5_000_000_000], [other, 7]].toSorted(),
      );
      const { seenAtMs, ...rest } = present.find(({ id }) => id === other)!;
      assert.deepEqual(rest, {
        id: other,
        active: true,
        expected: 2,
        processed: 7,
        failed: 1,
        cacheHits: 2,
        cacheMisses: 3,
        gate,
      });
      assert.ok(Math.abs(seenAtMs - Date.now()) < 60_000);

      await heartbeats.leave(other);
      assert.equal(await beat(one, 1), 0, "one that left is not missed");
      await database.query("update workers set seen_at = now() - interval '11 seconds' where id = $1", [one]);
      assert.deepEqual(await heartbeats.present(), []);
      assert.equal(await beat(other, 7), 1, "one that stopped without a word is");
      await heartbeats.leave(other);
      await database.query("update workers set seen_at = now() + interval '1 hour'");
      assert.deepEqual(await heartbeats.present(), [], "nor do those that beat before the clock went back");
      await database.query("update workers set seen_at = now() - interval '2 hours'");
      await beat(other, 8);
      assert.equal((await database.query("select id from workers")).length, 1, "old lines are cleared away");
    },
  });
}

testOnDatabases(
  "one worker leads: the first that is present, before all those that receive thoughts",
  async (database) => {
    const heartbeats = createHeartbeats(database);
    const leads = async (id: string, active = true) => {
      const gate = { status: "open", reason: null, since: null } as const;
      const counts = { processed: 0, failed: 0, cacheHits: 0, cacheMisses: 0 };
      return (await heartbeats.beat({ id, active, expected: 2, gate, ...counts })).leads;
    };
    const [first, second] = [crypto.randomUUID(), crypto.randomUUID()].toSorted() as [string, string];
    assert.equal(await leads(second), true, "the only one");
    assert.equal(await leads(first), true);
    assert.equal(await leads(second), false);
    assert.equal(await leads(first, false), false, "one that receives nothing is behind one that does");
    assert.equal(await leads(second), true);

    await leads(first);
    await heartbeats.leave(first);
    assert.equal(await leads(second), true, "one that left leads no more");
    await leads(first);
    await database.query("update workers set seen_at = now() - interval '11 seconds' where id = $1", [first]);
    assert.equal(await leads(second), true, "nor one that is silent");
    await database.query("update workers set seen_at = now() + interval '1 hour' where id = $1", [first]);
    assert.equal(await leads(second), true, "nor one that beat before the clock went back");
  },
);
