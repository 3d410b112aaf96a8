/**
 * Workers with a slow model, on real Kafka: how long users wait, how many calls are in progress, and how a
 * worker leaves.
 */
import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { testOnServices } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";
import { startLoad } from "./load.ts";
import { type Model, startModel, TRIGGERS } from "./model.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";

const LANES = 8;
const own = () => crypto.randomUUID();

/** A killed worker holds its partitions for a while; in its own group it delays no other test. */
function ownTopic() {
  const name = `slow-${own()}`;
  return { KAFKA_TOPIC: name, KAFKA_DEAD_TOPIC: `${name}.dead`, KAFKA_GROUP: name };
}

const before = (model: Model, settings: Readonly<Record<string, string>> = {}) => ({
  ANALYSER: "openai",
  OPENAI_BASE_URL: model.url,
  ANALYSER_CONCURRENCY: String(LANES),
  ...ownTopic(),
  ...settings,
});

testOnServices(
  "behind one user's four hundred, twelve others wait three seconds at most, and no worker exceeds its lanes",
  async (services) => {
    await using model = startModel({ latencyMs: 1_000 });
    await using system = await startSystem(services, { workers: 1, env: before(model) });
    const greedy = startLoad({ api: () => system.api.url, thoughts: 400, user: () => "greedy" });
    await greedy.done;
    await waitFor("every lane to be busy", () => model.waiting === LANES);

    const run = own();
    const postedAt = performance.now();
    const others = startLoad({
      api: () => system.api.url,
      thoughts: 12,
      user: (n) => `other-${n}`,
      text: (n) => `${n} of ${run}`,
    });
    await others.done;
    const begun = await waitFor("the twelve to be asked about", () => {
      const times = Array.from({ length: 12 }, (_, n) => model.askedAt(`${n} of ${run}`));
      return times.every((time) => time !== undefined) && times;
    });
    const waits = begun.map((time) => Math.round(time - postedAt)).sort((one, other) => one - other);
    assert.ok(waits.at(-1)! <= 3_000, `they waited ${waits.join(", ")} ms`);
    assert.equal(model.mostWaiting, LANES, "of two partitions at once as of one");
  },
);

testOnServices(
  "one call that never ends holds one lane, and the other 29 thoughts pass it",
  async (services) => {
    await using model = startModel({ latencyMs: 100 });
    await using system = await startSystem(services, { workers: 1, env: before(model) });
    await startLoad({
      api: () => system.api.url,
      thoughts: 30,
      text: (n) => `${own()} ${n === 0 ? TRIGGERS.hang : ""}`,
    }).done;
    await waitFor("the other 29", async () => await system.audit.count("completed") === 29);
    assert.equal(await system.audit.count("processing"), 1);
    await system.workers[0]!.kill(); // a stop would wait for that call
  },
);

testOnServices("what waits in Kafka for a long time is not sent again", async (services) => {
  await using model = startModel();
  model.holdBack();
  const topic = ownTopic();
  await using system = await startSystem(services, {
    workers: 1,
    env: before(model, { REQUEUE_AFTER_MS: "1000", RECONCILE_EVERY_MS: "200", ...topic }),
  });
  const load = startLoad({ api: () => system.api.url, thoughts: 40 });
  await load.done;
  const waitsInKafka = "status = 'pending' and not exists (select from outbox where thought_id = id)";
  await waitFor("messages in Kafka that are three times as old as what is looked for", async () => {
    const [row] = await system.audit.query<{ old: boolean }>(
      `select count(*) > 0 as old from thoughts where ${waitsInKafka} and queued_at < now() - interval '3 s'`,
    );
    return row!.old;
  });
  model.release();
  await system.settled();
  await assertNothingLostOrTwice(system, load);
  assert.equal(await messages(services.kafkaBrokers, topic.KAFKA_TOPIC), 40);
  assert.equal(await system.workers[0]!.metric('batch_processor_requeued_total{reason="lost_message"}'), 0);
});

testOnServices(
  "under calls that do not end a worker joins within 5 s, and one that gets SIGTERM leaves in time and charges nobody",
  async (services) => {
    await using model = startModel();
    model.holdBack();
    await using system = await startSystem(services, { workers: 1, env: before(model) });
    // More than there are lanes, so that messages wait in the first one's hands.
    const load = startLoad({ api: () => system.api.url, thoughts: 5 * LANES });
    await load.done;
    await waitFor("every lane to be busy", () => model.waiting === LANES);

    const second = await system.startWorker();
    const startedAt = performance.now();
    await waitFor("it to be active", async () => await second.metric("batch_processor_active_workers") === 1);
    const joinedAfter = performance.now() - startedAt;
    assert.ok(joinedAfter <= 5_000, `it was active after ${Math.round(joinedAfter)} ms`);
    await waitFor("its lanes to be busy too", () => model.waiting === 2 * LANES);

    const toldAt = performance.now();
    assert.equal(await system.workers[0]!.stop(), 0, "it is not forced to end");
    const stoppedAfter = performance.now() - toldAt;
    assert.ok(stoppedAfter < 22_000, `it ended after ${Math.round(stoppedAfter)} ms`);
    assert.equal(await system.audit.count("processing"), LANES, "those of the second one");
    model.release();
    await system.settled();
    await assertNothingLostOrTwice(system, load);
    const [row] = await system.audit.query<{ charged: number; crashes: number }>(
      "select max(attempts - attempts_forgiven) as charged, max(crashes) as crashes from thoughts",
    );
    assert.deepEqual({ ...row }, { charged: 1, crashes: 0 }, "the attempt that succeeded, and no other");
  },
);

/** Messages that the topic has ever held. */
async function messages(brokers: string, topic: string): Promise<number> {
  const admin = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const ends = await admin.fetchTopicOffsets(topic);
    return ends.reduce((sum, { high }) => sum + Number(high), 0);
  } finally {
    await admin.disconnect();
  }
}
