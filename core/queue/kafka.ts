/**
 * Kafka, by kafkajs 2.2.4. That library is no longer maintained; what must be minded with it stands here and in
 * docs/decisions/0003-kafkajs.md.
 */
import { type Batch, type EachBatchPayload, type KafkaMessage, Partitioners, type Producer } from "kafkajs";
import { within } from "../deadline.ts";
import { backoffMs, pause } from "../retry.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import {
  CONNECT_TIMEOUT_MS,
  createKafkaConnection,
  type KafkaConnection,
  type KafkaConnectionOptions,
} from "./kafka_connection.ts";
import {
  type Handler,
  type Message,
  type Queue,
  QueueUnavailableError,
  type ReceivedMessage,
  type Subscription,
  THOUGHTS_TOPIC,
} from "./queue.ts";

export interface KafkaOptions extends KafkaConnectionOptions {
  /** Batches of different partitions handled at the same time. @default 2 */
  readonly partitionsAtOnce?: number;
}

const PUBLISH_TIMEOUT_MS = 15_000;
/** A worker that is silent this long loses its partitions to the others. */
const SESSION_TIMEOUT_MS = 15_000;
/** How often a worker that handles a batch says that it lives; one that waits says so after each fetch. */
const HEARTBEAT_MS = 3_000;
/**
 * kafkajs leaves a heartbeat out until the wall clock is this far beyond the last one, so a clock that went back an hour
 * would silence a worker for an hour, and it would be dropped from the group. So none is left out.
 */
const HEARTBEAT_ALWAYS = -Infinity;
/** A batch may take this long after a rebalance was called before its worker is taken for dead. */
const REBALANCE_TIMEOUT_MS = 60_000;
/** How long a fetch waits for the first message: the delay that an idle system adds is far below it. */
const FETCH_WAIT_MS = 500;
const MAX_BYTES_PER_PARTITION = 1_048_576;

/** Connects lazily and keeps trying: an outage delays, and is shown by {@link Queue.ping}. */
export function openKafka(options: KafkaOptions): Queue {
  const { brokers, log, partitionsAtOnce = 2 } = options;
  const connection = createKafkaConnection(options);
  const newAdmin = () => connection.client.admin({ retry: { retries: 0 } });
  let admin = newAdmin();
  let producer: Promise<Producer> | undefined;

  /** Connects once for all callers; a failed attempt is forgotten, so that the next caller tries again. */
  function connected(): Promise<Producer> {
    producer ??= (async () => {
      await connection.prepareTopics();
      const made = connection.client.producer({
        createPartitioner: Partitioners.DefaultPartitioner,
        allowAutoTopicCreation: false,
        retry: { retries: 3 },
      });
      await made.connect();
      return made;
    })();
    producer.catch(() => producer = undefined);
    return producer;
  }

  /** The next publish starts afresh: a Kafka that came back without its volume needs its topics made again. */
  function forget() {
    producer?.then((made) => made.disconnect()).catch(() => {});
    producer = undefined;
  }

  return {
    name: brokers.join(","),
    async publish(messages) {
      try {
        await within(PUBLISH_TIMEOUT_MS, "Kafka", connected().then((to) => send(to, connection, messages)));
      } catch (error) {
        forget();
        throw new QueueUnavailableError(`Kafka: ${reason(error)}`, { cause: error });
      }
    },
    async subscribe(handler, batchSize) {
      await connected();
      return consume(connection, handler, { batchSize, partitionsAtOnce, log });
    },
    async ping() {
      try {
        await within(CONNECT_TIMEOUT_MS, "Kafka", admin.connect().then(() => admin.describeCluster()));
      } catch (error) {
        // Not waited for: a silent broker is waited for in vain, and the next ping must not meet this connection.
        admin.disconnect().catch(() => {});
        admin = newAdmin();
        throw new QueueUnavailableError(`Kafka: ${reason(error)}`, { cause: error });
      }
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([admin.disconnect(), producer?.then((made) => made.disconnect())]);
    },
  };
}

async function send(
  producer: Producer,
  connection: KafkaConnection,
  messages: readonly Message[],
): Promise<void> {
  const byTopic = Map.groupBy(messages, ({ topic }) => topic);
  await producer.sendBatch({
    acks: -1,
    topicMessages: [...byTopic].map(([topic, group]) => ({
      topic: connection.topic(topic),
      messages: group.map(({ value, reason, traceparent }) => ({
        key: null,
        value,
        headers: { ...(reason === null ? {} : { reason }), ...(traceparent === null ? {} : { traceparent }) },
      })),
    })),
  });
}

async function consume(
  connection: KafkaConnection,
  handler: Handler,
  options: { readonly batchSize: number; readonly partitionsAtOnce: number; readonly log: Logger },
): Promise<Subscription> {
  const { batchSize, partitionsAtOnce, log } = options;
  const consumer = connection.client.consumer({
    groupId: connection.group,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_ALWAYS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
    allowAutoTopicCreation: false,
    // The retries of an outage must not add up to a crash for good.
    retry: {
      initialRetryTime: 200,
      maxRetryTime: 3_000,
      retries: 8,
      restartOnFailure: () => Promise.resolve(true),
    },
  });
  let stopping = false;
  let lastSeen = -Infinity;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {});

  const { GROUP_JOIN, HEARTBEAT, REBALANCING, CRASH, STOP, DISCONNECT } = consumer.events;
  for (const alive of [GROUP_JOIN, HEARTBEAT]) consumer.on(alive, () => void (lastSeen = performance.now()));
  for (const gone of [REBALANCING, STOP, DISCONNECT]) consumer.on(gone, () => void (lastSeen = -Infinity));
  consumer.on(CRASH, ({ payload }) => {
    lastSeen = -Infinity;
    if (payload.restart) log.warn("Kafka consumer crashed, restarting", { reason: reason(payload.error) });
    else fail(new Error(`The Kafka consumer died: ${reason(payload.error)}`, { cause: payload.error }));
  });

  try {
    await consumer.connect();
    await consumer.subscribe({ topic: connection.topic(THOUGHTS_TOPIC), fromBeginning: true });
    await consumer.run({
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitionsAtOnce,
      // Nothing may leave this function: an exception here can stop the consumer while the process looks healthy.
      eachBatch: (payload) =>
        handleBatch(payload, handler, { batchSize, log, stopping: () => stopping }).catch((error) =>
          log.error("batch abandoned, it will come again", { reason: reason(error) })
        ),
    });
  } catch (error) {
    await consumer.disconnect().catch(() => {}); // the caller tries again with a new one
    throw error;
  }

  return {
    active: () => performance.now() - lastSeen < SESSION_TIMEOUT_MS,
    failed,
    async [Symbol.asyncDispose]() {
      stopping = true;
      await consumer.disconnect(); // waits for the batches under way, then leaves the group
    },
  };
}

/**
 * Handles one partition's batch, chunk after chunk, committing after each: so the committed offsets are always the
 * contiguous prefix that is done with. A chunk that fails is tried again in place while this worker still owns the
 * partition; heartbeats go on meanwhile.
 */
async function handleBatch(
  { batch, resolveOffset, heartbeat, isRunning, isStale, commitOffsetsIfNecessary, uncommittedOffsets }:
    EachBatchPayload,
  handler: Handler,
  { batchSize, log, stopping }: { batchSize: number; log: Logger; stopping: () => boolean },
): Promise<void> {
  let rebalancing = false;
  const over = () => stopping() || rebalancing || !isRunning() || isStale();
  const beat = () => heartbeat().catch(() => void (rebalancing = true));
  const beating = setInterval(beat, HEARTBEAT_MS);
  try {
    for (let at = 0, failures = 0; at < batch.messages.length && !over();) {
      const chunk = batch.messages.slice(at, at + batchSize);
      try {
        await handler(chunk.map((message) => received(batch, message)), over);
      } catch (error) {
        log.warn("batch failed, trying again", { reason: reason(error), messages: chunk.length });
        await pause(backoffMs(failures++, { firstMs: 200, maxMs: 5_000 }));
        continue;
      }
      failures = 0;
      at += chunk.length;
      resolveOffset(chunk.at(-1)!.offset);
      // A commit that fails costs only duplicates, which the store drops.
      await commitOffsetsIfNecessary(uncommittedOffsets()).catch(() => void (rebalancing = true));
    }
  } finally {
    clearInterval(beating);
  }
}

function received(batch: Batch, message: KafkaMessage): ReceivedMessage {
  return {
    topic: THOUGHTS_TOPIC,
    position: `${batch.topic}/${batch.partition}/${message.offset}`,
    value: message.value?.toString() ?? "",
    reason: null,
    traceparent: message.headers?.traceparent?.toString() ?? null,
  };
}
