import assert from "node:assert/strict";
import { createLogger } from "../core/telemetry/log.ts";
import { startBatches } from "../tests/support/batches.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { aThought } from "../tests/support/thoughts.ts";
import { waitFor } from "../tests/support/wait.ts";
import { runReconciler } from "./reconciler.ts";

testOnDatabase(
  "stale claims and lost messages are queued again, and what was lost too often is given up",
  async (database) => {
    const { post, claims, stranded, metrics, metric, store } = startBatches(database);
    const [stale, lost, spent, held] = [aThought(), aThought(), aThought(), aThought()];
    await post(stale, lost, spent, held);
    await claims.claim([stale.id, spent.id]);
    await database.query("update thoughts set crashes = 2 where id = $1::text::uuid", [spent.id]);
    await database.query(
      "update thoughts set claimed_until = now() - interval '1 second' where status = 'processing'",
    );
    await database.query(
      "update thoughts set queued_at = now() - interval '1 hour' where id = $1::text::uuid",
      [lost.id],
    );
    await claims.claim([held.id]);

    const stop = new AbortController();
    let logged = "";
    const log = createLogger({ service: "test", write: (lines) => logged += lines });
    const running = runReconciler({
      stranded,
      metrics,
      log,
      signal: stop.signal,
      queue: { watermark: () => Promise.resolve({}), passed: () => Promise.resolve(true) },
      everyMs: 5,
      lostAfterMs: 60_000,
      graceMs: 0,
      leads: () => true,
    });
    await waitFor("a few looks", async () => (await database.query("select from outbox")).length >= 2, {
      everyMs: 10,
    });
    await waitFor(
      "the count",
      async () => await metric(`batch_processor_requeued_total{reason="lost_message"}`) > 0,
    );
    stop.abort();
    await running;
    log.flush();

    const announced = await database.query<{ id: string }>("select thought_id as id from outbox");
    assert.deepEqual(
      announced.map(({ id }) => id).toSorted(),
      [stale.id, lost.id].toSorted(),
      "each once, however often it checks",
    );
    const dead = await database.query<{ value: string }>("select value from dead_letters");
    assert.deepEqual(dead.map(({ value }) => value), [spent.id]);
    assert.equal((await store.get(spent.id))!.status, "failed");
    assert.equal((await store.get(held.id))!.status, "processing");
    assert.equal(await metric(`batch_processor_requeued_total{reason="stale_claim"}`), 1);
    assert.equal(await metric(`batch_processor_requeued_total{reason="lost_message"}`), 1);
    assert.equal(await metric("batch_processor_thoughts_failed_total"), 1);
    assert.equal(logged.match(/to be tried alone/g)?.length, 1);
    assert.equal(logged.match(/announced again/g)?.length, 1);
  },
);
