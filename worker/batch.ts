/** One batch: claim, analyse, settle, each step for all its thoughts together. */
import type { Claim, Claims } from "../core/store/claims.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { DeadLetters } from "../core/store/dead_letters.ts";
import { type Handler, type ReceivedMessage } from "../core/queue/queue.ts";
import type { Analysis } from "./analysis.ts";
import { traceBatch } from "./batch_trace.ts";
import type { Settlement } from "./settlement.ts";
import { isThoughtId } from "../core/thought.ts";

export interface BatchOptions {
  readonly claims: Claims;
  readonly deadLetters: DeadLetters;
  readonly analysis: Analysis;
  readonly settlement: Settlement;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  /** Claims are renewed three times within a lease. */
  readonly leaseMs: number;
}

/** Makes the handler of the worker's batches. It throws only when the database can't be reached. */
export function createBatchHandler(options: BatchOptions): Handler {
  const { claims, analysis, settlement, metrics, log, leaseMs } = options;

  return async (messages) => {
    const startedAt = Date.now();
    metrics.batch_processor_batch_size.observe({ value: messages.length });
    const ids = await readable(messages, options);
    const claimed = await claim(ids, options);
    if (claimed.length === 0) return;

    const trace = traceBatch(messages, claimed, startedAt);
    trace.step("claim thoughts", startedAt, {
      "db.system.name": "postgresql",
      "db.operation.name": "UPDATE",
    });
    const renewing = setInterval(() => claims.renew(claimed).catch(() => {}), leaseMs / 3);
    try {
      const outcomes = await analysis.run(claimed, trace);
      const counts = await settlement.settle(claimed, outcomes, startedAt, trace);
      log.info("batch done", { messages: messages.length, ...counts, ms: Date.now() - startedAt });
    } finally {
      clearInterval(renewing);
      trace.end();
    }
  };
}

/** The ids among the messages, each once. What is no id becomes a dead letter that says where it lay, not what it held. */
async function readable(messages: readonly ReceivedMessage[], options: BatchOptions): Promise<string[]> {
  const { deadLetters, metrics, log } = options;
  const ids = new Set<string>();
  for (const { value, position, traceparent } of messages) {
    const id = value.toLowerCase();
    if (!isThoughtId(id)) {
      await deadLetters.put([{ value: position, reason: "malformed message", traceparent }]);
      metrics.batch_processor_messages_skipped_total.inc({ reason: "malformed" });
      log.warn("message is no thought id, sent to the dead letters", { position });
    } else if (ids.has(id)) metrics.batch_processor_messages_skipped_total.inc({ reason: "duplicate" });
    else ids.add(id);
  }
  return [...ids];
}

/** Ids that can't be claimed are of thoughts deleted since, or duplicates of work done or under way. */
async function claim(ids: readonly string[], { claims, metrics, log }: BatchOptions): Promise<Claim[]> {
  if (ids.length === 0) return [];
  const claimed = await claims.claim(ids);
  if (claimed.length === ids.length) return claimed;

  const mine = new Set(claimed.map(({ id }) => id));
  const others = ids.filter((id) => !mine.has(id));
  const existing = await claims.existing(others);
  const unknown = others.length - existing.size;
  metrics.batch_processor_messages_skipped_total.inc({ reason: "duplicate" }, existing.size);
  metrics.batch_processor_messages_skipped_total.inc({ reason: "unknown" }, unknown);
  if (unknown > 0) log.warn("messages of unknown thoughts dropped", { messages: unknown });
  return claimed;
}
