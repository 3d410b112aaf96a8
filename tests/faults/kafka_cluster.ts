/**
 * A Kafka of three brokers: every topic has three copies, and a message is kept once two brokers have it. Each
 * broker is a controller too, as small clusters are built.
 */
import { type Admin, Kafka, logLevel } from "kafkajs";
import { freePort } from "../support/free_port.ts";
import { waitFor } from "../support/wait.ts";

export interface KafkaCluster extends AsyncDisposable {
  /** For KAFKA_BROKERS: all three. */
  readonly brokers: string;
  /** Creates a topic whose partitions are all led by one broker. */
  createTopic(name: string, options: { readonly partitions: number; readonly leader: number }): Promise<void>;
  /** The broker that coordinates every consumer group: there is one partition of offsets. */
  coordinator(): Promise<number>;
  /** The brokers that lead the topic's partitions. */
  leaders(topic: string): Promise<ReadonlySet<number>>;
  /** SIGKILL: nothing is handed over. */
  kill(...nodes: readonly number[]): Promise<void>;
  /** Starts the brokers that were killed, on their data. Does not wait for them. */
  start(): void;
  /** Waits until all brokers run and have every message of every topic. */
  whole(): Promise<void>;
}

const NODES = [1, 2, 3] as const;
const CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw";
const OFFSETS_TOPIC = "__consumer_offsets";
/** Three JVMs start at once, on few cores. */
const START_TIMEOUT_MS = 120_000;
const QUICK_START = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/** Makes a cluster from Kafka's jars in SERVICES_DIR, and waits until it is whole. */
export async function startKafkaCluster(): Promise<KafkaCluster> {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "kafka-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const places = NODES.map((node) => ({ node, port: freePort(), controller: freePort() }));
  const brokers = places.map(({ port }) => `127.0.0.1:${port}`);
  const voters = places.map(({ node, controller }) => `${node}@127.0.0.1:${controller}`).join(",");
  const settingsOf = (node: number) => `${folder}/${node}.properties`;

  await Promise.all(places.map(async ({ node, port, controller }) => {
    await Deno.writeTextFile(
      settingsOf(node),
      `process.roles=broker,controller
node.id=${node}
controller.quorum.voters=${voters}
listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}
advertised.listeners=PLAINTEXT://127.0.0.1:${port}
controller.listener.names=CONTROLLER
log.dirs=${folder}/${node}
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
`,
    );
    const format = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID, "-c", settingsOf(node)];
    const { success, stderr } = await java("128m", format, "piped").output();
    if (!success) throw new Error(`Kafka's format failed: ${new TextDecoder().decode(stderr)}`);
  }));

  const running = new Map<number, Deno.ChildProcess>();
  const start = () => {
    for (const node of NODES.filter((node) => !running.has(node))) {
      running.set(node, java("256m", ["kafka.Kafka", settingsOf(node)], "null").spawn());
    }
  };
  const kill = async (...nodes: readonly number[]) => {
    const ending = nodes.flatMap((node) => running.get(node) ?? []);
    for (const broker of ending) broker.kill("SIGKILL");
    await Promise.all(ending.map(({ status }) => status));
    for (const node of nodes) running.delete(node);
  };
  stack.defer(() => kill(...NODES));

  /** Asks over a connection of its own, which knows nothing of how the cluster was. */
  async function ask<T>(what: (admin: Admin) => Promise<T>): Promise<T> {
    const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      return await what(admin);
    } finally {
      await admin.disconnect();
    }
  }
  const partitionsOf = (...topics: string[]) =>
    ask(async (admin) =>
      (await admin.fetchTopicMetadata({ topics })).topics.flatMap(({ partitions }) => partitions)
    );
  const whole = async () => {
    await waitFor("a Kafka of three brokers", async () => {
      for (const { port } of places) (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      if ((await ask((admin) => admin.describeCluster())).brokers.length < NODES.length) return false;
      return (await partitionsOf()).every(({ isr, leader }) => leader !== -1 && isr.length === NODES.length);
    }, { timeoutMs: START_TIMEOUT_MS, everyMs: 250 });
  };

  start();
  await whole();
  const owned = stack.move();
  return {
    brokers: brokers.join(","),
    async createTopic(topic, { partitions, leader }) {
      const replicas = [leader, ...NODES.filter((node) => node !== leader)];
      const replicaAssignment = Array.from(
        { length: partitions },
        (_, partition) => ({ partition, replicas }),
      );
      await ask((admin) =>
        admin.createTopics({ waitForLeaders: false, topics: [{ topic, replicaAssignment }] })
      );
    },
    async coordinator() {
      return await waitFor("a coordinator", async () => {
        await ask((admin) => admin.fetchOffsets({ groupId: "any" })); // has the topic of offsets created
        return (await partitionsOf(OFFSETS_TOPIC))[0]!.leader;
      }, { timeoutMs: START_TIMEOUT_MS });
    },
    leaders: async (topic) => new Set((await partitionsOf(topic)).map(({ leader }) => leader)),
    kill,
    start,
    whole,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function java(memory: string, args: readonly string[], stderr: "piped" | "null"): Deno.Command {
  const jars = `${Deno.env.get("SERVICES_DIR")}/kafka/libs/*`;
  return new Deno.Command("java", {
    args: [`-Xmx${memory}`, ...QUICK_START, "-cp", jars, ...args],
    stdin: "null",
    stdout: "null",
    stderr,
  });
}
