/** The `traceparent` header of W3C Trace Context, and the ids in it. */
import { type SpanContext, TraceFlags } from "@opentelemetry/api";
import { parseTraceParent } from "@opentelemetry/core";

/** A `traceparent` header. */
export type Traceparent = string;

/** The ids in a header; undefined if it is not valid. */
export function idsIn(traceparent: Traceparent): SpanContext | undefined {
  return parseTraceParent(traceparent) ?? undefined;
}

/** The header that hands these ids on. */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): Traceparent {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

/** Whether a trace is being recorded: the last field of its `traceparent`. */
export function isSampled(traceparent: Traceparent | null): traceparent is Traceparent {
  return traceparent !== null && (Number.parseInt(traceparent.slice(-2), 16) & TraceFlags.SAMPLED) === 1;
}

/** The same ids, sampled: what is recorded below them is kept. */
export function asSampled(ids: SpanContext): SpanContext {
  return { ...ids, traceFlags: ids.traceFlags | TraceFlags.SAMPLED };
}

/** The ids inside a `traceparent`, as log fields. */
export function traceFields(traceparent: Traceparent): { trace_id: string; span_id: string } {
  return { trace_id: traceparent.slice(3, 35), span_id: traceparent.slice(36, 52) };
}
