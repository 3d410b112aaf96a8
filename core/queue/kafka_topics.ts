/** The topics in Kafka: created if they are missing, otherwise compared. */
import { type Admin, ConfigResourceTypes, type ITopicMetadata } from "kafkajs";
import { QueueMisconfiguredError } from "./queue.ts";
import { pause } from "../retry.ts";
import { type Logger, reason } from "../telemetry/log.ts";

const DESCRIBE_ATTEMPTS = 20;
const DESCRIBE_PAUSE_MS = 100;

export interface WantedTopic {
  readonly topic: string;
  readonly numPartitions: number;
  /** Undefined leaves it to the broker. */
  readonly replicationFactor: number | undefined;
}

/**
 * Creates missing topics, and warns of existing ones that differ from the settings.
 *
 * @throws {QueueMisconfiguredError} naming a topic that may not be created, with what to do about it
 */
export async function requireTopics(
  admin: Admin,
  wanted: readonly WantedTopic[],
  log: Logger,
): Promise<void> {
  const existing = new Set(await admin.listTopics());
  for (const topic of wanted) if (!existing.has(topic.topic)) await create(admin, topic);
  const topics = await described(admin, wanted.map(({ topic }) => topic));
  for (const { topic, numPartitions, replicationFactor } of wanted) {
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    if (partitions.length < numPartitions) {
      log.warn(
        "topic has fewer partitions than wanted: no more workers than that get messages. Add partitions, or set KAFKA_PARTITIONS",
        { topic, partitions: partitions.length, wanted: numPartitions },
      );
    }
    const replicas = Math.min(...partitions.map(({ replicas }) => replicas.length));
    if (replicationFactor !== undefined && replicas !== replicationFactor) {
      log.warn("topic has another number of replicas than wanted. Reassign it, or set KAFKA_REPLICATION", {
        topic,
        replicas,
        wanted: replicationFactor,
      });
    }
  }
}

/** A topic that was just created may not be known for a moment. */
async function described(admin: Admin, names: string[]): Promise<ITopicMetadata[]> {
  for (let attempt = 1;; attempt++) {
    try {
      return (await admin.fetchTopicMetadata({ topics: names })).topics;
    } catch (error) {
      if (attempt === DESCRIBE_ATTEMPTS) throw error;
      await pause(DESCRIBE_PAUSE_MS);
    }
  }
}

async function create(admin: Admin, { replicationFactor, ...topic }: WantedTopic): Promise<void> {
  try {
    await admin.createTopics({
      waitForLeaders: false, // fails while the topic is not known everywhere
      topics: [{
        ...topic,
        configEntries: [AS_SENT],
        ...(replicationFactor === undefined ? {} : { replicationFactor }),
      }],
    });
  } catch (error) {
    const message = `Cannot create the topic ${topic.topic}: ${reason(error)}.`;
    if (!isUnauthorized(error)) throw new Error(message, { cause: error }); // such as too few brokers: worth another try
    throw new QueueMisconfiguredError(
      `${message} Create it with ${topic.numPartitions} partitions, or let this user create, describe, read and write it.`,
      { cause: error },
    );
  }
}

/** Keeps our messages as they were sent, whatever the broker's default. */
const AS_SENT = { name: "compression.type", value: "producer" };
/** What kafkajs reads without further packages. */
const READABLE = ["producer", "uncompressed", "gzip"];

/**
 * @throws {QueueMisconfiguredError} when the broker compresses messages in a way that kafkajs cannot read
 */
export async function requireReadable(admin: Admin, topic: string): Promise<void> {
  const described = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [AS_SENT.name] }],
  }).catch((error) => {
    if (isUnauthorized(error)) return undefined; // the first message will show
    throw error;
  });
  const compression = described?.resources[0]?.configEntries
    .find(({ configName }) => configName === AS_SENT.name)?.configValue;
  if (compression !== undefined && !READABLE.includes(compression)) throw unreadableTopic(topic);
}

/** What to do about a topic that the broker compresses. */
export function unreadableTopic(topic: string, cause?: unknown): QueueMisconfiguredError {
  return new QueueMisconfiguredError(
    `Cannot read the topic ${topic}: its messages are compressed by the broker, in a way that this program does not ` +
      "know. Delete the topic and start again: it is created again with compression.type=producer, and every waiting " +
      "thought is announced again.",
    { cause },
  );
}

const isUnauthorized = (error: unknown) => /authori[sz]/i.test(reason(error));
