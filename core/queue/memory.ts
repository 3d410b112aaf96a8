/**
 * The queue inside the process, used when no Kafka is configured. Losing it with the process loses no
 * thought.
 */
import { backoffMs, pause } from "../retry.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import {
  type Handler,
  type Message,
  type Queue,
  QueueUnavailableError,
  type ReceivedMessage,
  type Subscription,
  THOUGHTS_TOPIC,
} from "./queue.ts";

/** Above this a publish is refused: the outbox holds the rest. */
const CAPACITY = 10_000;

/** Opens a queue for one subscriber. Messages on other topics than the subscribed one are dropped. */
export function openMemoryQueue(log: Logger): Queue {
  const waiting: ReceivedMessage[] = [];
  let published = 0;
  let wake = () => {};

  async function consume(handler: Handler, batchSize: number, signal: AbortSignal) {
    let failures = 0;
    while (!signal.aborted) {
      if (waiting.length === 0) {
        await new Promise<void>((resolve) => wake = resolve);
        continue;
      }
      const batch = waiting.slice(0, batchSize);
      try {
        const taken = await handler(batch, signal);
        waiting.splice(0, taken);
        failures = 0;
        if (taken === 0) await pause(NOTHING_TAKEN_MS, signal);
      } catch (error) {
        log.warn("messages not taken, trying again", { reason: reason(error), messages: batch.length });
        await pause(backoffMs(failures++, { firstMs: 100, maxMs: 5_000 }), signal);
      }
    }
  }

  return {
    name: "in-process",
    startsEmpty: true,
    publish(messages: readonly Message[]) {
      const wanted = messages.filter(({ topic }) => topic === THOUGHTS_TOPIC);
      if (waiting.length + wanted.length > CAPACITY) {
        return Promise.reject(
          new QueueUnavailableError(`The in-process queue is full (${CAPACITY} messages)`),
        );
      }
      const publishedAt = Date.now();
      for (const message of wanted) {
        waiting.push({ ...message, position: `${message.topic}/0/${published++}`, publishedAt });
      }
      wake();
      return Promise.resolve([]);
    },
    subscribe(handler, batchSize): Promise<Subscription> {
      const stop = new AbortController();
      const running = consume(handler, batchSize, stop.signal);
      return Promise.resolve({
        active: () => !stop.signal.aborted,
        failed: new Promise<never>((_, reject) => running.catch(reject)),
        async [Symbol.asyncDispose]() {
          stop.abort();
          wake();
          await running;
        },
      });
    },
    backlog: () => Promise.resolve(waiting.length),
    watermark: () => Promise.resolve({ end: published }),
    passed: ({ end }) => Promise.resolve(published - waiting.length >= end!),
    ping: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Pause after a handler that took nothing: no busy loop. */
const NOTHING_TAKEN_MS = 50;
