/** The connection to Kafka: where it is, and what our topics and our group are called there. */
import { Kafka, logLevel } from "kafkajs";
import { type Logger, reason } from "../telemetry/log.ts";
import { DEAD_TOPIC, GROUP, PARTITIONS, THOUGHTS_TOPIC } from "./queue.ts";

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
  /** Creates the topics that are missing. */
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
            { topic: topic(THOUGHTS_TOPIC), numPartitions: PARTITIONS },
            { topic: topic(DEAD_TOPIC), numPartitions: 1 },
          ],
        });
      } finally {
        await admin.disconnect();
      }
    },
  };
}
