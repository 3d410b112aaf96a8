/**
 * The traces of a batch. Each sampled thought gets, in its own trace, a `process` span with one child per step; one
 * `receive` span stands for the batch, in the trace of its first sampled thought, linked to those of all the others.
 * A batch without a sampled thought makes no spans at all.
 */
import type { Claim } from "../core/store/claims.ts";
import { GROUP, type ReceivedMessage, THOUGHTS_TOPIC } from "../core/queue/queue.ts";
import {
  type Attributes,
  endSpan,
  failSpan,
  openSpan,
  runInSpan,
  setAttributes,
  type Span,
  SpanKind,
} from "../core/telemetry/tracing.ts";
import { isSampled } from "../core/telemetry/traceparent.ts";
import type { Analyser } from "./analysers/analyser.ts";
import type { Outcome } from "./outcome.ts";

export interface BatchTrace {
  /** Records a step that the whole batch took together and that ends now. */
  step(name: string, startedAt: number, attributes: Attributes): void;
  /** Runs one thought's analysis inside its trace. */
  analysis(
    claim: Claim,
    analyser: Analyser,
    run: () => Outcome | Promise<Outcome>,
  ): Outcome | Promise<Outcome>;
  /** Records a step of one thought that ends now. */
  stepOf(id: string, name: string, startedAt: number, attributes: Attributes): void;
  /** Marks a thought's attempt as failed. */
  fail(id: string, reason: string): void;
  /** The ids of a sampled thought's span, as log fields. */
  ids(id: string): { readonly trace_id: string; readonly span_id: string } | undefined;
  /** Ends a thought's span. */
  end(id: string): void;
}

/** OpenTelemetry's default limit of links on a span. */
const MAX_LINKS = 128;

const MESSAGING: Attributes = {
  "messaging.system": "kafka",
  "messaging.destination.name": THOUGHTS_TOPIC,
  "messaging.consumer.group.name": GROUP,
};

export function traceBatch(
  messages: readonly ReceivedMessage[],
  claimed: readonly Claim[],
  startedAt: number,
): BatchTrace {
  const parents = new Map(messages.map(({ value, traceparent }) => [value, traceparent]));
  const processing = new Map<string, Span>();
  const sampled = claimed.flatMap(({ id, traceparent }) => {
    const parent = parents.get(id) ?? traceparent;
    return isSampled(parent) ? [{ id, parent }] : [];
  });

  const [first, ...others] = sampled;
  const receive = first && openSpan(`receive ${THOUGHTS_TOPIC}`, {
    kind: SpanKind.CONSUMER,
    parent: first.parent,
    links: others.slice(0, MAX_LINKS).map(({ parent }) => parent),
    startTime: startedAt,
    attributes: {
      ...MESSAGING,
      "messaging.operation.type": "receive",
      "messaging.batch.message_count": messages.length,
    },
  });
  for (const { id, parent } of sampled) {
    processing.set(
      id,
      openSpan(`process ${THOUGHTS_TOPIC}`, {
        kind: SpanKind.CONSUMER,
        parent,
        links: [receive!],
        startTime: startedAt,
        attributes: { ...MESSAGING, "messaging.operation.type": "process", "app.thought.id": id },
      }),
    );
  }

  if (receive !== undefined) endSpan(receive);

  const record = (name: string, parent: Span, startTime: number, attributes: Attributes) =>
    endSpan(openSpan(name, { kind: SpanKind.CLIENT, parent, startTime, attributes }));

  return {
    stepOf(id, name, startedAt, attributes) {
      const parent = processing.get(id);
      if (parent !== undefined) record(name, parent, startedAt, attributes);
    },
    step(name, startedAt, attributes) {
      for (const parent of processing.values()) record(name, parent, startedAt, attributes);
    },
    analysis(claim, analyser, run) {
      const parent = processing.get(claim.id);
      if (parent === undefined) return run();
      const span = openSpan("analyse thought", {
        parent,
        attributes: { "app.analyser.name": analyser.name, "app.analyser.version": analyser.version },
      });
      const finish = (outcome: Outcome) => {
        if (outcome.usage) setAttributes(span, generativeAi(outcome.usage));
        if (!outcome.ok) failSpan(span, outcome.reason);
        endSpan(span);
        return outcome;
      };
      const outcome = runInSpan(span, run);
      return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
    },
    fail(id, reason) {
      const span = processing.get(id);
      if (span !== undefined) failSpan(span, reason);
    },
    ids(id) {
      const ids = processing.get(id)?.ids;
      return ids === undefined ? undefined : { trace_id: ids.traceId, span_id: ids.spanId };
    },
    end(id) {
      const span = processing.get(id);
      if (span !== undefined) endSpan(span);
      processing.delete(id);
    },
  };
}

/** By the semantic conventions for generative AI. */
function generativeAi(usage: NonNullable<Outcome["usage"]>): Attributes {
  return {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": usage.provider,
    "gen_ai.request.model": usage.model,
    "gen_ai.usage.input_tokens": usage.inputTokens,
    "gen_ai.usage.output_tokens": usage.outputTokens,
  };
}
