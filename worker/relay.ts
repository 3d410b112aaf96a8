/** The relay: moves what stands in the outbox to the queue. Every worker runs one; none needs to know of the others. */
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { DeadLetters } from "../core/store/dead_letters.ts";
import type { Outbox } from "../core/store/outbox.ts";
import { DEAD_TOPIC, type Message, type Queue } from "../core/queue/queue.ts";
import { isSampled, openSpan, SpanKind } from "../core/telemetry/tracing.ts";

/** Messages sent by one transaction. */
const BATCH = 1_000;
/** Pause when the outbox is empty: with one poll per worker, what an idle system adds to a thought's way. */
const IDLE_MS = 50;

export interface RelayOptions {
  readonly outbox: Outbox;
  readonly deadLetters: DeadLetters;
  readonly queue: Queue;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Runs until the signal aborts; an outage of the queue or the database is waited out. */
export function runRelay({ outbox, deadLetters, queue, metrics, log, signal }: RelayOptions): Promise<void> {
  return repeat("relay", { log, signal }, async () => {
    await outbox.ripen(BATCH);
    await deadLetters.take(BATCH, (messages) => publish(queue, messages, metrics));
    const sent = await outbox.take(BATCH, (messages) => publish(queue, messages, metrics));
    return sent === BATCH ? 0 : IDLE_MS;
  });
}

/** A sampled thought's message carries the producer span that sent it; no other message makes a span. */
async function publish(
  queue: Queue,
  messages: readonly Message[],
  metrics: Metrics<"worker">,
): Promise<void> {
  const spans = messages.filter(({ traceparent }) => isSampled(traceparent)).map((message) => ({
    message,
    ...openSpan(`send ${message.topic}`, {
      kind: SpanKind.PRODUCER,
      parent: message.traceparent,
      attributes: {
        "messaging.system": "kafka",
        "messaging.operation.type": "send",
        "messaging.destination.name": message.topic,
        "messaging.batch.message_count": messages.length,
      },
    }),
  }));
  const traced = new Map<Message, string>(spans.map(({ message, traceparent }) => [message, traceparent]));
  try {
    await queue.publish(
      messages.map((message) => ({ ...message, traceparent: traced.get(message) ?? message.traceparent })),
    );
  } finally {
    for (const { span } of spans) span.end();
  }
  metrics.batch_processor_dead_letters_total.inc(messages.filter(({ topic }) => topic === DEAD_TOPIC).length);
}
