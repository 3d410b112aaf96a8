/**
 * Tracing over `@opentelemetry/api`; Deno's built-in OpenTelemetry exports it when `OTEL_DENO=true`. Without that,
 * every call here is a no-op of nanoseconds.
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";

export { type Attributes, type Span, SpanKind };

/** A W3C `traceparent` header. */
export type Traceparent = string;

const tracer = trace.getTracer("thought-processor");

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** The trace to go on with. @default the active span's */
  readonly parent?: Traceparent | null;
  /** Traces that this span also belongs to, as a batch does. */
  readonly links?: readonly Traceparent[];
  /** When the span began, in milliseconds since the epoch. @default now */
  readonly startTime?: number;
}

/**
 * Runs a function inside a span. What it throws is recorded as the span's error (by its kind, never its message, which
 * may quote data) and thrown on.
 */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  run: (span: Span) => Promise<T> | T,
): Promise<T> {
  const parent = parentContext(options.parent);
  const span = start(name, options, parent);
  try {
    return await context.with(trace.setSpan(parent, span), () => run(span));
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    span.end();
  }
}

/** Starts a span that the caller ends. `traceparent` is what its children name as their parent. */
export function openSpan(
  name: string,
  options: SpanOptions,
): { readonly span: Span; readonly traceparent: Traceparent } {
  const span = start(name, options, parentContext(options.parent));
  const { traceId, spanId, traceFlags } = span.spanContext();
  return { span, traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}` };
}

/** Records a span that has already happened, such as one thought's share of a batch's look-up. Times as in Date.now(). */
export function recordSpan(
  name: string,
  options: SpanOptions & { readonly startTime: number; readonly endTime: number },
): void {
  start(name, options, parentContext(options.parent)).end(options.endTime);
}

/** Runs a function as part of a trace without a span of its own: what it calls does not start traces then. */
export function runIn<T>(traceparent: Traceparent | null, run: () => T): T {
  return traceparent === null ? run() : context.with(parentContext(traceparent), run);
}

/** Marks a span as failed, by an error's name or a reason's; never by a message, which may quote data. */
export function failSpan(span: Span, error: unknown): void {
  const type = error instanceof Error ? error.name : String(error);
  span.setAttribute("error.type", type);
  span.setStatus({ code: SpanStatusCode.ERROR, message: type });
}

/** The `traceparent` of the active span, to send along; null when nothing is traced. */
export function inject(): Traceparent | null {
  const carrier: { traceparent?: Traceparent } = {};
  propagation.inject(context.active(), carrier);
  return carrier.traceparent ?? null;
}

/** Whether a trace is being recorded: the last field of its `traceparent`, by W3C Trace Context. */
export function isSampled(traceparent: Traceparent | null): traceparent is Traceparent {
  return traceparent !== null && (Number.parseInt(traceparent.slice(-2), 16) & TraceFlags.SAMPLED) === 1;
}

/** The ids inside a `traceparent`, as log fields. */
export function traceFields(traceparent: Traceparent): { trace_id: string; span_id: string } {
  return { trace_id: traceparent.slice(3, 35), span_id: traceparent.slice(36, 52) };
}

/** The active span, for what is set on it later. */
export function activeSpan(): Span | undefined {
  return trace.getActiveSpan();
}

/** The active span's ids, as log fields; nothing when nothing is traced. */
export function activeTrace(): { trace_id?: string; span_id?: string } {
  const ids = trace.getActiveSpan()?.spanContext();
  return ids === undefined ? {} : { trace_id: ids.traceId, span_id: ids.spanId };
}

/** Exemplar labels of the active span; none unless it is sampled, since nobody could open that trace. */
export function exemplar(): Partial<Record<string, string>> {
  const ids = trace.getActiveSpan()?.spanContext();
  return ids !== undefined && (ids.traceFlags & TraceFlags.SAMPLED) === 1 ? { trace_id: ids.traceId } : {};
}

function start(name: string, options: SpanOptions, parent: Context): Span {
  const { kind = SpanKind.INTERNAL, attributes, startTime } = options;
  const links = (options.links ?? []).flatMap((traceparent): Link[] => {
    const linked = trace.getSpanContext(parentContext(traceparent));
    return linked !== undefined && isSpanContextValid(linked) ? [{ context: linked }] : [];
  });
  return tracer.startSpan(name, {
    kind,
    attributes: attributes ?? {},
    links,
    ...(startTime === undefined ? {} : { startTime }),
  }, parent);
}

function parentContext(traceparent: Traceparent | null | undefined): Context {
  return traceparent ? propagation.extract(context.active(), { traceparent }) : context.active();
}
