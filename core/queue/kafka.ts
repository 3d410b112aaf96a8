/**
 * Kafka, by kafkajs 2.2.4. That library is no longer maintained; its pitfalls are noted here, in
 * `kafka_consumer.ts` and in docs/decisions/0003-kafkajs.md.
 */
import "./kafkajs_idle.ts";
import { type Admin, Partitioners, type Producer } from "kafkajs";
import { within } from "../deadline.ts";
import { reason } from "../telemetry/log.ts";
import {
  CONNECT_TIMEOUT_MS,
  createKafkaConnection,
  explained,
  type KafkaConnection,
  type KafkaConnectionOptions,
} from "./kafka_connection.ts";
import { consume } from "./kafka_consumer.ts";
import { createBacklog, endsOf, isPassed } from "./kafka_offsets.ts";
import {
  type Message,
  type Queue,
  QueueMisconfiguredError,
  QueueUnavailableError,
  THOUGHTS_TOPIC,
} from "./queue.ts";

export interface KafkaOptions extends KafkaConnectionOptions {
  /** Batches of different partitions handled at the same time. @default 2 */
  readonly partitionsAtOnce?: number;
}

const PUBLISH_TIMEOUT_MS = 15_000;
const ASK_TIMEOUT_MS = 5_000;
/** Far below what a broker accepts in one batch by default (1 MB). */
const MAX_BATCH_BYTES = 262_144;
/** Errors of a broker that will recur for the same messages. */
const REFUSALS = /MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE|INVALID_RECORD/;

/** Connects lazily and keeps trying: an outage causes delay, and {@link Queue.ping} shows it. */
export function openKafka(options: KafkaOptions): Queue {
  const { brokers, log, partitionsAtOnce = 2 } = options;
  const connection = createKafkaConnection(options);
  let admin = connection.newAdmin();
  let producer: Promise<Producer> | undefined;
  /** Whether the broker has ever responded: then the settings fit it. */
  let known = false;
  const backlog = createBacklog({ connection, ask });

  /** Connects once for all callers; after a failed attempt the next caller tries again. */
  function connected(): Promise<Producer> {
    producer ??= (async () => {
      await connection.prepareTopics();
      known = true;
      const made = connection.client.producer({
        createPartitioner: Partitioners.DefaultPartitioner,
        allowAutoTopicCreation: false,
        retry: { retries: 3 },
      });
      await made.connect();
      return made;
    })().catch((error) => {
      throw known ? error : explained(error, options);
    });
    producer.catch(() => producer = undefined);
    return producer;
  }

  /**
   * The next publish starts afresh: a Kafka that came back without its volume needs its topics again.
   */
  function forget() {
    producer?.then((made) => made.disconnect()).catch(() => {});
    producer = undefined;
  }

  /**
   * Sends messages; those that the broker refuses are found by bisection, and do not block the others.
   */
  async function send(messages: readonly Message[], partition: number | undefined): Promise<Message[]> {
    try {
      await within(
        PUBLISH_TIMEOUT_MS,
        "Kafka",
        connected().then((to) => sendBatch(to, connection, messages, partition)),
      );
      return [];
    } catch (error) {
      if (!isRefusal(error)) throw error;
      if (messages.length === 1) return [messages[0]!];
      const half = messages.length >> 1;
      return [
        ...await send(messages.slice(0, half), partition),
        ...await send(messages.slice(half), partition),
      ];
    }
  }

  /** Queries the broker over the administrative connection, which is recreated after a failure. */
  async function ask<T>(what: (admin: Admin) => Promise<T>, timeoutMs = ASK_TIMEOUT_MS): Promise<T> {
    try {
      const answer = await within(timeoutMs, "Kafka", admin.connect().then(() => what(admin)));
      known = true;
      return answer;
    } catch (error) {
      // Not awaited: a silent broker never closes it, and the next query must not use this connection.
      admin.disconnect().catch(() => {});
      admin = connection.newAdmin();
      throw unavailable(known ? error : explained(error, options));
    }
  }

  return {
    name: brokers.join(","),
    async publish(messages) {
      const refused: Message[] = [];
      for (const [topic, ofTopic] of Map.groupBy(messages, ({ topic }) => topic)) {
        for (const part of inParts(ofTopic)) {
          const own = topic === THOUGHTS_TOPIC ? backlog.nextPartition() : undefined;
          try {
            const left = await send(part, own);
            if (topic === THOUGHTS_TOPIC) backlog.published(part.length - left.length);
            refused.push(...left);
          } catch (error) {
            forget();
            if (error instanceof QueueMisconfiguredError) throw error;
            throw unavailable(error);
          }
        }
      }
      return refused;
    },
    async subscribe(handler, batchSize) {
      await connected();
      return await consume(connection, {
        async handler(messages, signal) {
          const taken = await handler(messages, signal);
          backlog.taken(taken);
          return taken;
        },
        batchSize,
        partitionsAtOnce,
        onAssigned: backlog.assigned,
        log,
      });
    },
    backlog: () => backlog.size(),
    watermark: () => ask((admin) => endsOf(admin, connection.topic(THOUGHTS_TOPIC))),
    passed: (watermark) =>
      ask((admin) => isPassed(admin, connection.topic(THOUGHTS_TOPIC), connection.group, watermark)),
    async ping() {
      await ask((admin) => admin.describeCluster(), CONNECT_TIMEOUT_MS);
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([admin.disconnect(), producer?.then((made) => made.disconnect())]);
    },
  };
}

/** @param partition their partition @default any, at random */
async function sendBatch(
  producer: Producer,
  connection: KafkaConnection,
  messages: readonly Message[],
  partition: number | undefined,
): Promise<void> {
  await producer.sendBatch({
    acks: -1,
    topicMessages: [{
      topic: connection.topic(messages[0]!.topic),
      messages: messages.map(({ value, reason, traceparent }) => ({
        key: null,
        value,
        ...(partition === undefined ? {} : { partition }),
        headers: { ...(reason === null ? {} : { reason }), ...(traceparent === null ? {} : { traceparent }) },
      })),
    }],
  });
}

/** Splits a list of messages into parts of at most {@link MAX_BATCH_BYTES}, each of one message at least. */
function inParts(messages: readonly Message[]): Message[][] {
  const parts: Message[][] = [];
  let bytes = Infinity;
  for (const message of messages) {
    // Three bytes are the most that a UTF-16 unit takes; the rest is room for a record's own fields.
    const size =
      3 * (message.value.length + (message.reason?.length ?? 0) + (message.traceparent?.length ?? 0)) + 100;
    if (bytes + size > MAX_BATCH_BYTES) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(message);
    bytes += size;
  }
  return parts;
}

/** kafkajs wraps a broker's error, sometimes more than once. */
function isRefusal(error: unknown): boolean {
  for (
    let at = error;
    at instanceof Error;
    at = at.cause ?? ("originalError" in at ? at.originalError : undefined)
  ) {
    if ("type" in at && REFUSALS.test(String(at.type))) return true;
    if ("errors" in at && Array.isArray(at.errors) && at.errors.some(isRefusal)) return true;
  }
  return false;
}

function unavailable(error: unknown): QueueUnavailableError {
  const message = reason(error);
  const refused = /SASL|authentication failed|not authorized/i.test(message);
  return new QueueUnavailableError(`Kafka: ${message}`, {
    cause: error,
    ...(refused ? { why: "the login is refused" } : {}),
  });
}
