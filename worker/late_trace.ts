/** The trace of a thought that was not sampled, made once it is known to matter: an attempt failed, or its way was slow. */
import { GROUP, THOUGHTS_TOPIC } from "../core/queue/queue.ts";
import {
  asSampled,
  failSpan,
  isSampled,
  mayRecordLate,
  openSpan,
  recordLateSpan,
  recordSpan,
  SpanKind,
  traceFields,
} from "../core/telemetry/tracing.ts";
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
  const parent = asSampled(traceparent);
  // An earlier attempt that failed has recorded the request already.
  if (charged > 1) {
    if (!mayRecordLate()) return undefined;
  } else {
    const recorded = recordLateSpan("POST /thoughts", traceparent, {
      ofApi: true,
      kind: SpanKind.SERVER,
      attributes: { "http.request.method": "POST", "http.route": "/thoughts", "app.thought.id": id },
      startTime: acceptedAt,
      endTime: acceptedAt,
    });
    if (!recorded) return undefined;
    const endTime = Math.max(acceptedAt, claimedAt);
    recordSpan("wait for a worker", { parent, startTime: acceptedAt, endTime });
  }
  const { span } = openSpan(`process ${THOUGHTS_TOPIC}`, {
    kind: SpanKind.CONSUMER,
    parent,
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
  if (reason !== undefined) failSpan(span, reason);
  span.end(Math.max(claimedAt, endedAt));
  return traceFields(traceparent);
}
