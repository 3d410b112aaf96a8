/** What the outbox's transaction is for: without it, thoughts are lost. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { faultTest, service } from "./services.ts";
import { ROOT } from "../support/process.ts";
import { breakSource } from "./source.ts";
import { startSystem } from "./system.ts";
import { THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { readTopic } from "./topic.ts";
import { waitFor } from "../support/wait.ts";

const THOUGHTS = 50;

faultTest("without the outbox's transaction the suite sees thoughts lost", async (services) => {
  // The message leaves the outbox before it is known to be with Kafka, as if the API had sent it after its commit.
  await using broken = await breakSource({
    file: "core/store/outbox.ts",
    from: `return database.transaction(async (tx) => {`,
    to: `return Promise.resolve(database).then(async (tx) => {`,
  }, {
    // The relay asks Kafka for room before it takes anything, and takes nothing while Kafka is not responding.
    file: "worker/relay.ts",
    from: "const room = Math.min(BATCH, await window.room());",
    to: "const room = BATCH;",
  });
  // As in the test of the outage itself: the reconciler, the second safeguard, is kept out.
  await using system = await startSystem(services, {
    root: broken.root,
    workers: 1,
    env: { REQUEUE_AFTER_MS: "86400000" },
  });
  await service("stop", "kafka");
  const load = startLoad({ api: () => system.api.url, thoughts: THOUGHTS });
  await load.done;
  const waiting = () => system.audit.query<{ id: string }>("select thought_id as id from outbox");
  await waitFor("the relay has taken messages", async () => (await waiting()).length < THOUGHTS);
  await system.workers[0]!.kill(); // while it waits for Kafka
  const kept = (await waiting()).map(({ id }) => id);

  await service("start", "kafka");
  // It runs the unbroken source: a Kafka that has only just started may refuse its first messages.
  await system.startWorker(ROOT);
  await using sent = await readTopic(services.kafkaBrokers, THOUGHTS_TOPIC);
  await waitFor("what the outbox had kept is sent", () => kept.every((id) => sent.reasons.has(id)));
  const lost = load.accepted.filter((id) => !sent.reasons.has(id));
  assert.equal(lost.length, THOUGHTS - kept.length);
  assert.ok(lost.length > 0);
  const { lost: open } = await system.audit.verdict(lost);
  assert.equal(open, lost.length);
  // Left on the topic, the others would be unknown thoughts to the next test's workers.
  await waitFor("the others are done", async () => (await system.audit.verdict(kept)).lost === 0);
});
