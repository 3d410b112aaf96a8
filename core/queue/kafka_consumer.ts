/**
 * The consumer of Kafka: takes messages as far as the handler has room, commits them, and yields partitions
 * quickly.
 */
import type { Batch, EachBatchPayload, KafkaMessage } from "kafkajs";
import { backoffMs, pause } from "../retry.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import type { KafkaConnection } from "./kafka_connection.ts";
import { unreadableTopic } from "./kafka_topics.ts";
import { type Handler, type ReceivedMessage, type Subscription, THOUGHTS_TOPIC } from "./queue.ts";

export interface ConsumerOptions {
  readonly handler: Handler;
  readonly batchSize: number;
  readonly partitionsAtOnce: number;
  /** Called with the partitions that this consumer has from now on; none while the group rebalances. */
  readonly onAssigned: (partitions: readonly number[]) => void;
  readonly log: Logger;
}

/** A worker silent for this long loses its partitions to the others. */
const SESSION_TIMEOUT_MS = 15_000;
/** How often a worker that waits for room sends a heartbeat, and learns of a rebalance. */
const HEARTBEAT_MS = 1_000;
/**
 * kafkajs skips a heartbeat until the wall clock is this far past the last one, so a clock that went back an
 * hour would silence a worker for an hour, and the group would drop it. So none is skipped.
 */
const HEARTBEAT_ALWAYS = -Infinity;
/** A member may take this long to release its partitions before it counts as dead. */
const REBALANCE_TIMEOUT_MS = 10_000;
/** How long a fetch waits for the first message; an idle system adds far less delay. */
const FETCH_WAIT_MS = 500;
const MAX_BYTES_PER_PARTITION = 1_048_576;
/**
 * Pause after a handler that took nothing although the session continues: no busy loop.
 */
const NOTHING_TAKEN_MS = 50;

/** Joins the group. @throws {Error} when the group can't be joined now */
export async function consume(connection: KafkaConnection, options: ConsumerOptions): Promise<Subscription> {
  const { handler, batchSize, partitionsAtOnce, onAssigned, log } = options;
  const topic = connection.topic(THOUGHTS_TOPIC);
  const consumer = connection.client.consumer({
    groupId: connection.group,
    sessionTimeout: SESSION_TIMEOUT_MS,
    heartbeatInterval: HEARTBEAT_ALWAYS,
    rebalanceTimeout: REBALANCE_TIMEOUT_MS,
    maxWaitTimeInMs: FETCH_WAIT_MS,
    maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
    allowAutoTopicCreation: false,
    // The retries of an outage must not add up to a permanent crash.
    retry: {
      initialRetryTime: 200,
      maxRetryTime: 3_000,
      retries: 8,
      async restartOnFailure(error) {
        // A worker without partitions publishes nothing, so nothing else would notice that the topic is
        // missing.
        if (isMissing(error)) {
          await connection.prepareTopics().catch((error) =>
            log.warn("topic is gone, and cannot be created again", { topic, reason: reason(error) })
          );
        }
        return !isUnreadable(error);
      },
    },
  });
  const stopping = new AbortController();
  let lastSeen = -Infinity;
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  failed.catch(() => {});

  const { GROUP_JOIN, HEARTBEAT, REBALANCING, CRASH, STOP, DISCONNECT } = consumer.events;
  for (const alive of [GROUP_JOIN, HEARTBEAT]) consumer.on(alive, () => void (lastSeen = performance.now()));
  for (const gone of [REBALANCING, STOP, DISCONNECT]) consumer.on(gone, () => void (lastSeen = -Infinity));
  consumer.on(GROUP_JOIN, ({ payload }) => onAssigned(payload.memberAssignment[topic] ?? []));
  for (const gone of [REBALANCING, STOP]) consumer.on(gone, () => onAssigned([]));
  consumer.on(CRASH, ({ payload }) => {
    lastSeen = -Infinity;
    if (payload.restart) log.warn("Kafka consumer crashed, restarting", { reason: reason(payload.error) });
    else if (isUnreadable(payload.error)) fail(unreadableTopic(topic, payload.error));
    else fail(new Error(`The Kafka consumer died: ${reason(payload.error)}`, { cause: payload.error }));
  });

  try {
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      eachBatchAutoResolve: false,
      partitionsConsumedConcurrently: partitionsAtOnce,
      // Nothing may leave this function: an exception here can stop the consumer while the process looks
      // healthy.
      eachBatch: (payload) =>
        handleBatch(payload, handler, { batchSize, log, stopping: stopping.signal }).catch((error) =>
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
      stopping.abort();
      await consumer.disconnect(); // waits for the handlers, then leaves the group
    },
  };
}

/**
 * Hands one partition's batch over, as far as there is room, and commits what was taken: the committed
 * offsets are always a prefix whose claims are in the store. A handler that throws is called again while this
 * worker still owns the partition; heartbeats continue meanwhile.
 */
async function handleBatch(
  { batch, resolveOffset, heartbeat, isRunning, isStale, commitOffsetsIfNecessary, uncommittedOffsets }:
    EachBatchPayload,
  handler: Handler,
  { batchSize, log, stopping }: { batchSize: number; log: Logger; stopping: AbortSignal },
): Promise<void> {
  const rebalancing = new AbortController();
  const over = AbortSignal.any([stopping, rebalancing.signal]);
  const beating = setInterval(() => {
    if (!isRunning() || isStale()) rebalancing.abort();
    heartbeat().catch(() => rebalancing.abort());
  }, HEARTBEAT_MS);
  try {
    for (
      let at = 0, failures = 0;
      at < batch.messages.length && !over.aborted && isRunning() && !isStale();
    ) {
      const chunk = batch.messages.slice(at, at + batchSize);
      let taken: number;
      try {
        taken = await handler(chunk.map((message) => received(batch, message)), over);
      } catch (error) {
        log.warn("messages not taken, trying again", { reason: reason(error), messages: chunk.length });
        await pause(backoffMs(failures++, { firstMs: 200, maxMs: 5_000 }), over);
        continue;
      }
      failures = 0;
      if (taken === 0) {
        await pause(NOTHING_TAKEN_MS, over);
        continue;
      }
      at += taken;
      resolveOffset(batch.messages[at - 1]!.offset);
      // A failed commit costs only duplicates, which the store drops.
      await commitOffsetsIfNecessary(uncommittedOffsets()).catch(() => rebalancing.abort());
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
    publishedAt: Number(message.timestamp) > 0 ? Number(message.timestamp) : null,
  };
}

/** The topic was deleted, or Kafka came back without its volume. */
function isMissing(error: Error): boolean {
  return "type" in error && error.type === "UNKNOWN_TOPIC_OR_PARTITION";
}

/** The only compression that kafkajs reads is gzip. */
const isUnreadable = (error: Error) => /compression not implemented/i.test(error.message);
