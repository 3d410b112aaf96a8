/** The connection to Kafka: where it is, and what our topics and our group are called there. */
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { type Logger, reason } from "../telemetry/log.ts";
import { DEAD_TOPIC, GROUP, PARTITIONS, QueueMisconfiguredError, THOUGHTS_TOPIC } from "./queue.ts";

export interface KafkaConnectionOptions {
  /** Each as `host:port`. */
  readonly brokers: readonly string[];
  readonly log: Logger;
}

export interface KafkaConnection {
  readonly client: Kafka;
  /** The consumer group that all workers share. */
  readonly group: string;
  /** What Kafka calls a topic that we call `name`. */
  topic(name: string): string;
  /**
   * Creates the topics that are missing.
   *
   * @throws {QueueMisconfiguredError} when the broker compresses what it gets in a way that kafkajs cannot read
   */
  prepareTopics(): Promise<void>;
}

export const CONNECT_TIMEOUT_MS = 3_000;
const REQUEST_TIMEOUT_MS = 10_000;

/** Makes a client; nothing is connected until it is used. */
export function createKafkaConnection({ brokers, log }: KafkaConnectionOptions): KafkaConnection {
  const client = new Kafka({
    clientId: "thought-processor",
    brokers: [...brokers],
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { initialRetryTime: 200, maxRetryTime: 3_000, retries: 8 },
    logLevel: logLevel.WARN,
    logCreator: () => ({ log: entry }) =>
      log.debug("kafkajs", { kafkajs: reason(entry.error ?? entry.message) }),
  });
  const topic = (name: string) => name;

  return {
    client,
    group: GROUP,
    topic,
    async prepareTopics() {
      const admin = client.admin();
      try {
        await admin.connect();
        await admin.createTopics({
          topics: [
            { topic: topic(THOUGHTS_TOPIC), numPartitions: PARTITIONS, configEntries: [AS_SENT] },
            { topic: topic(DEAD_TOPIC), numPartitions: 1, configEntries: [AS_SENT] },
          ],
        });
        await requireReadable(admin, topic(THOUGHTS_TOPIC));
      } finally {
        await admin.disconnect();
      }
    },
  };
}

/** Whatever the broker's default is, it keeps our messages as they were sent. */
const AS_SENT = { name: "compression.type", value: "producer" };
/** What kafkajs reads without further packages. */
const READABLE = ["producer", "uncompressed", "gzip"];

async function requireReadable(admin: Admin, topic: string): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [AS_SENT.name] }],
  });
  const compression = resources[0]?.configEntries.find(({ configName }) => configName === AS_SENT.name)
    ?.configValue;
  if (compression !== undefined && !READABLE.includes(compression)) throw unreadableTopic(topic);
}

/** What to do about a topic that the broker compresses. */
export function unreadableTopic(topic: string, cause?: unknown): QueueMisconfiguredError {
  return new QueueMisconfiguredError(
    `Cannot read the topic ${topic}: its messages are compressed by the broker, in a way that this program does not ` +
      "know. Delete the topic and start again: it is created anew with compression.type=producer, and every waiting " +
      "thought is announced again.",
    { cause },
  );
}
