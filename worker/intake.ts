/** The intake: claims as many thoughts from the queue as lanes are free. */
import type { Handler, ReceivedMessage } from "../core/queue/queue.ts";
import type { Claim, Claims } from "../core/store/claims.ts";
import type { DeadLetter, DeadLetters } from "../core/store/dead_letters.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { isThoughtId } from "../core/thought.ts";
import type { Analysis } from "./analysis.ts";
import { traceBatch } from "./batch_trace.ts";
import type { Gate } from "./gate.ts";
import type { Held } from "./held.ts";
import type { Lanes } from "./lanes.ts";

export interface IntakeOptions {
  readonly claims: Pick<Claims, "claim" | "existing">;
  readonly deadLetters: Pick<DeadLetters, "put">;
  readonly lanes: Lanes;
  readonly gate: Gate;
  readonly held: Held;
  readonly analysis: Analysis;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
}

/** Makes the handler of the queue's messages. It throws only when the database can't be reached. */
export function createIntake(options: IntakeOptions): Handler {
  const { deadLetters, lanes, gate, held, analysis, metrics, log } = options;

  return async (messages, signal) => {
    const taken = await lanes.take(messages.length, signal);
    const entered = taken === 0 ? 0 : await gate.enter(taken, signal);
    let claimed: Claim[] = [];
    try {
      if (entered === 0) return 0;
      const { publishedAt, unreadable, duplicates, length } = firstOf(messages, entered);
      if (unreadable.length > 0) {
        await deadLetters.put(unreadable);
        log.warn("messages are not a thought's id, sent to the dead letters", {
          messages: unreadable.length,
        });
      }
      const claimedAt = Date.now();
      claimed = publishedAt.size === 0 ? [] : await claim(publishedAt, options);
      metrics.batch_processor_messages_skipped_total.inc({ reason: "malformed" }, unreadable.length);
      metrics.batch_processor_messages_skipped_total.inc({ reason: "duplicate" }, duplicates);
      metrics.batch_processor_batch_size.observe({ value: length });
      if (claimed.length > 0) {
        const trace = traceBatch(messages.slice(0, length), claimed, claimedAt);
        trace.step("claim thoughts", claimedAt, {
          "db.system.name": "postgresql",
          "db.operation.name": "UPDATE",
        });
        void analysis.run(held.add(claimed, claimedAt, trace), trace);
      }
      return length;
    } finally {
      if (taken > claimed.length) lanes.giveBack(taken - claimed.length);
      if (entered > claimed.length) gate.giveBack(entered - claimed.length);
    }
  };
}

/**
 * The first messages, up to a number of distinct ids. What is not an id becomes a dead letter that names its
 * position, not its content.
 */
function firstOf(messages: readonly ReceivedMessage[], most: number) {
  const publishedAt = new Map<string, number | null>();
  const unreadable: DeadLetter[] = [];
  let length = 0;
  for (const { value, position, traceparent, publishedAt: at } of messages) {
    const id = value.toLowerCase();
    if (!isThoughtId(id)) unreadable.push({ value: position, reason: "malformed message", traceparent });
    else if (publishedAt.size === most && !publishedAt.has(id)) break;
    else publishedAt.set(id, at);
    length++;
  }
  return { publishedAt, unreadable, duplicates: length - publishedAt.size - unreadable.length, length };
}

/** Ids that can't be claimed: deleted thoughts, duplicates of work done or in progress, or suspects. */
async function claim(
  publishedAt: ReadonlyMap<string, number | null>,
  { claims, metrics, log }: IntakeOptions,
): Promise<Claim[]> {
  const ids = [...publishedAt.keys()];
  const claimed = await claims.claim(ids, publishedAt);
  if (claimed.length === ids.length) return claimed;

  const mine = new Set(claimed.map(({ id }) => id));
  const others = ids.filter((id) => !mine.has(id));
  const existing = await claims.existing(others).catch(() => undefined); // claimed thoughts stay claimed
  if (existing === undefined) return claimed;
  const unknown = others.length - existing.size;
  metrics.batch_processor_messages_skipped_total.inc({ reason: "duplicate" }, existing.size);
  metrics.batch_processor_messages_skipped_total.inc({ reason: "unknown" }, unknown);
  if (unknown > 0) log.warn("messages of unknown thoughts dropped", { messages: unknown });
  return claimed;
}
