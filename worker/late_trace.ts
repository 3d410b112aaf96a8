/** The trace of a thought that was not sampled, made once it is known to matter: an attempt failed, or its way was slow. */
import { GROUP, THOUGHTS_TOPIC } from "../core/queue/queue.ts";
import { endSpan, failSpan, mayRecordLate, openSpan, SpanKind } from "../core/telemetry/tracing.ts";
import { asSampled, idsIn, isSampled, traceFields } from "../core/telemetry/traceparent.ts";
import type { HeldClaim } from "./held.ts";

export interface LateEnding {
  /** When the attempt ended, in milliseconds since the epoch. */
  readonly endedAt: number;
  /** Why it failed, in a word; undefined when it did not. */
  readonly reason?: string | undefined;
}

/**
 * Records the request that posted the thought, under the ids that it handed on, the wait until it was claimed, and this
 * attempt. How long the request took is not known here. At most 20 traces a second are made.
 *
 * @returns the trace's ids, as log fields; undefined where it was sampled anyway, nothing is traced, or there are too many
 */
export function traceLate({ claim, claimedAt }: HeldClaim, { endedAt, reason }: LateEnding) {
  const { id, traceparent, acceptedAt, attempt, charged } = claim;
  if (traceparent === null || isSampled(traceparent)) return undefined;
  const handedOn = idsIn(traceparent);
  if (handedOn === undefined || !mayRecordLate()) return undefined;
  const request = openSpan("POST /thoughts", {
    ofApi: true,
    kind: SpanKind.SERVER,
    parent: null,
    ids: asSampled(handedOn),
    attributes: { "http.request.method": "POST", "http.route": "/thoughts", "app.thought.id": id },
    startTime: acceptedAt,
  });
  // An earlier attempt that failed has recorded the request already.
  if (charged <= 1) {
    endSpan(request, { at: acceptedAt });
    const wait = openSpan("wait for a worker", { parent: request, startTime: acceptedAt });
    endSpan(wait, { at: Math.max(acceptedAt, claimedAt) });
  }
  const attemptSpan = openSpan(`process ${THOUGHTS_TOPIC}`, {
    kind: SpanKind.CONSUMER,
    parent: request,
    startTime: claimedAt,
    attributes: {
      "messaging.system": "kafka",
      "messaging.destination.name": THOUGHTS_TOPIC,
      "messaging.consumer.group.name": GROUP,
      "messaging.operation.type": "process",
      "app.thought.id": id,
      "app.thought.attempt": attempt,
    },
  });
  if (reason !== undefined) failSpan(attemptSpan, reason);
  endSpan(attemptSpan, { at: Math.max(claimedAt, endedAt) });
  return traceFields(traceparent);
}
