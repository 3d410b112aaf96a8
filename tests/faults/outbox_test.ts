import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { faultTest, service } from "./services.ts";
import { breakSource } from "./source.ts";
import { startSystem } from "./system.ts";
import { waitFor } from "../support/wait.ts";

const THOUGHTS = 50;

faultTest("without the outbox's transaction the suite sees thoughts lost", async (services) => {
  // The message leaves the outbox before it is known to be with Kafka, as if the API had sent it after its commit.
  await using broken = await breakSource({
    file: "core/outbox.ts",
    from: `return database.transaction(async (tx) => {`,
    to: `return Promise.resolve(database).then(async (tx) => {`,
  });
  // As in the test of the outage itself: the reconciler, the second safeguard, is kept out.
  await using system = await startSystem(services, {
    root: broken.root,
    workers: 1,
    env: { REQUEUE_AFTER_MS: "86400000" },
  });
  const first = startLoad({ api: () => system.api.url, thoughts: 20 });
  await waitFor("work has begun", async () => await system.ledger.count("completed") === 20);
  await service("stop", "kafka");
  const load = startLoad({ api: () => system.api.url, thoughts: THOUGHTS });
  await load.done;
  const kept = await waitFor("the relay has taken messages", async () => {
    const [row] = await system.ledger.query<{ n: number }>("select count(*)::int as n from outbox");
    return row!.n < THOUGHTS && { messages: row!.n };
  });
  await system.workers[0]!.kill(); // while it waits for Kafka

  await service("start", "kafka");
  await system.startWorker();
  const last = startLoad({ api: () => system.api.url, thoughts: THOUGHTS });
  await last.done;
  await waitFor("what the outbox had kept, and what came later, is completed", async () => {
    return await system.ledger.count("completed") >= first.accepted.length + kept.messages + THOUGHTS;
  }, { timeoutMs: 60_000 });
  const { lost } = await system.ledger.verdict([...load.accepted, ...last.accepted]);
  assert.equal(lost, THOUGHTS - kept.messages);
  assert.ok(lost > 0);
});
