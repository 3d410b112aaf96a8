/** The relay: moves due messages from the outbox to the queue, no more than this worker is about to take. */
import { DEAD_TOPIC, type Message, type Queue } from "../core/queue/queue.ts";
import { createAlarm, repeat } from "../core/retry.ts";
import type { DeadLetters } from "../core/store/dead_letters.ts";
import { type Outbox, RAISED_EVERY_MS } from "../core/store/outbox.ts";
import { type Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { isSampled, traceparentOf } from "../core/telemetry/traceparent.ts";
import { endSpan, openSpan, SpanKind } from "../core/telemetry/tracing.ts";
import type { Window } from "./window.ts";

/** Messages sent by one transaction. */
const BATCH = 1_000;
/** Pause when there is nothing to send, or no room. */
const IDLE_MS = 50;
/** It doubles up to this while the database tells when thoughts are posted. */
const IDLE_MAX_MS = 1_000;
/**
 * Pause between two polls of delayed messages and dead letters; at the latest when the next message is due.
 */
const ASIDE_MS = { min: 20, max: 1_000 };

export interface RelayOptions {
  readonly outbox: Outbox;
  readonly deadLetters: Pick<DeadLetters, "take">;
  readonly queue: Pick<Queue, "publish">;
  readonly window: Window;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Whether this worker raises the floors of the outbox for all. */
  readonly leads: () => boolean;
}

export interface Relay {
  /** Resolves once the signal aborts. */
  readonly done: Promise<void>;
  /** How long messages have failed to be sent, in milliseconds; 0 while they succeed. */
  blockedMs(): number;
}

/** Runs until the signal aborts; survives outages of the queue and the database. */
export function startRelay(options: RelayOptions): Relay {
  const { outbox, deadLetters, queue, window, metrics, log, signal, leads } = options;
  let blockedSince: number | undefined;

  async function publish(messages: readonly Message[]): Promise<void> {
    try {
      const refused = await send(queue, messages, metrics);
      blockedSince = undefined;
      if (refused.length === 0) return;
      metrics.batch_processor_messages_refused_total.inc(refused.length);
      log.error("messages refused by the queue, dropped", {
        messages: refused.length,
        first: `${refused[0]!.topic} ${refused[0]!.value}`,
      });
    } catch (error) {
      blockedSince ??= performance.now();
      throw error;
    }
  }

  const alarm = createAlarm();
  let idleMs = IDLE_MS;
  function wake(): void {
    idleMs = IDLE_MS;
    alarm.ring();
  }

  /** Delayed messages and dead letters have a loop of their own, to keep the two from blocking each other. */
  const aside = repeat("dead letters", { log, signal }, async () => {
    const { count, nextMs, dead } = await outbox.ripen(BATCH);
    if (count > 0) wake();
    if (dead && await deadLetters.take(BATCH, publish) === BATCH || count === BATCH) return 0;
    return Math.max(ASIDE_MS.min, Math.min(nextMs ?? Infinity, ASIDE_MS.max));
  });
  const floors = repeat("floors of the outbox", { log, signal }, async () => {
    if (leads()) await outbox.raiseFloors();
    return RAISED_EVERY_MS;
  });
  const posted = outbox.onPosted(wake);
  const thoughts = repeat("relay", { log, signal, wait: alarm.wait }, async () => {
    const room = Math.min(BATCH, await window.room());
    if (room < 1) return IDLE_MS;
    if (await outbox.take(room, publish) > 0) {
      idleMs = IDLE_MS;
      return 0;
    }
    blockedSince = undefined; // nothing is due
    const pauseMs = idleMs;
    idleMs = posted.active() ? Math.min(2 * idleMs, IDLE_MAX_MS) : IDLE_MS;
    return pauseMs;
  });

  return {
    done: Promise.all([aside, floors, thoughts]).then(() => posted[Symbol.asyncDispose]()),
    blockedMs: () => blockedSince === undefined ? 0 : performance.now() - blockedSince,
  };
}

/**
 * A sampled thought's message carries the producer span that sent it. Others make no span, and carry nothing
 * since their rows have the ids; but for a dead letter, whose thought has left a late trace.
 */
async function send(
  queue: Pick<Queue, "publish">,
  messages: readonly Message[],
  metrics: Metrics<"worker">,
): Promise<readonly Message[]> {
  const spans = new Map(
    messages.filter(({ traceparent }) => isSampled(traceparent)).map((message) => [
      message,
      openSpan(`send ${message.topic}`, {
        kind: SpanKind.PRODUCER,
        parent: message.traceparent,
        attributes: {
          "messaging.system": "kafka",
          "messaging.operation.type": "send",
          "messaging.destination.name": message.topic,
          "messaging.batch.message_count": messages.length,
        },
      }),
    ]),
  );
  try {
    const refused = await queue.publish(
      messages.map((message) => {
        const span = spans.get(message);
        if (span !== undefined) return { ...message, traceparent: traceparentOf(span.ids) };
        return message.topic === DEAD_TOPIC ? message : { ...message, traceparent: null };
      }),
    );
    const dead = (those: readonly Message[]) => those.filter(({ topic }) => topic === DEAD_TOPIC).length;
    metrics.batch_processor_dead_letters_total.inc(dead(messages) - dead(refused));
    return refused;
  } finally {
    for (const span of spans.values()) endSpan(span);
  }
}
