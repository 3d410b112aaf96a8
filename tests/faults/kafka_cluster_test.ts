/** Brokers of a Kafka cluster killed under load. */
import assert from "node:assert/strict";
import { lastFor } from "./duration.ts";
import { type KafkaCluster, startKafkaCluster } from "./kafka_cluster.ts";
import { type Load, startLoad } from "./load.ts";
import { reportFailover } from "./report.ts";
import { faultTest } from "./services.ts";
import { assertNoneEnded, assertNothingLostOrTwice, everyWorkerActive, startSystem } from "./system.ts";
import { waitFor } from "../support/wait.ts";
import { THOUGHTS_TOPIC } from "../../core/queue/queue.ts";

const LOAD = { thoughts: 1_000, perSecond: 50, clients: 1_000 };
/** How long two of three brokers do not run; until they are back takes as long as they need to start. */
const STOPPED_S = 8;

interface Brokers {
  readonly coordinator: number;
  readonly leader: number;
}

/** Each breaks the cluster, mends what it cannot do without, and returns what happened. */
const FAULTS: readonly ((cluster: KafkaCluster, brokers: Brokers) => Promise<string>)[] = [
  async (cluster, { coordinator }) => {
    await cluster.kill(coordinator);
    return "Kafka: the group's coordinator killed";
  },
  async (cluster, { leader }) => {
    await cluster.kill(leader);
    return "Kafka: the leader of all partitions killed";
  },
  async (cluster, { leader }) => {
    const killedAt = performance.now();
    await cluster.kill(leader, leader % 3 + 1);
    await lastFor(STOPPED_S);
    cluster.start();
    await cluster.whole();
    return `Kafka: two of three away for ${((performance.now() - killedAt) / 1_000).toFixed(0)} s`;
  },
];

faultTest("a Kafka cluster that loses brokers refuses no thought and loses none", async (services) => {
  await using cluster = await startKafkaCluster();
  const coordinator = await cluster.coordinator();
  const leader = coordinator % 3 + 1;
  await cluster.createTopic(THOUGHTS_TOPIC, { partitions: 6, leader });
  // What a broker loses stays lost: only the outbox and the copies can have kept it.
  await using system = await startSystem({ ...services, kafkaBrokers: cluster.brokers }, {
    env: { REQUEUE_AFTER_MS: "86400000" },
  });
  const loads: Load[] = [];
  for (const fault of FAULTS) {
    cluster.start();
    await cluster.whole();
    await everyWorkerActive(system);
    const [leader] = await cluster.leaders(THOUGHTS_TOPIC);
    const brokers = { coordinator: await cluster.coordinator(), leader: leader! };
    const load = startLoad({ api: () => system.api.url, ...LOAD });
    loads.push(load);
    const done = await system.audit.count("completed");
    await waitFor("work has begun", async () => await system.audit.count("completed") > done + 50);
    const brokenAt = Date.now();
    const happened = await fault(cluster, brokers);
    await load.done;
    await system.settled(180_000);

    assert.equal(load.refused + load.unanswered, 0, `${happened}: every thought is accepted at once`);
    assertNoneEnded(system);
    const verdict = await assertNothingLostOrTwice(system, ...loads);
    reportFailover(happened, load, verdict, {
      acceptedS: load.longestPauseS(brokenAt),
      completedS: await system.audit.longestPauseS(brokenAt),
    });
  }
});
