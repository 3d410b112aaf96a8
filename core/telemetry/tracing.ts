/**
 * Tracing over `@opentelemetry/api`; `trace_export.ts` sends what is recorded. Without it every call here is
 * a no-op of nanoseconds.
 */
import {
  type Attributes,
  type Context,
  context,
  isSpanContextValid,
  type Link,
  propagation,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";

export { type Attributes, type Span, SpanKind };

/** A W3C `traceparent` header. */
export type Traceparent = string;

const tracer = trace.getTracer("thought-processor");

/** `service.name` of the API: its own spans bear it, and those that a worker rebuilds of its requests. */
export const API_SERVICE = "thoughtprocessor-api";

/** Makes spans of the API in whatever process; set by `trace_export.ts`. */
export const API_TRACER: { tracer: Tracer } = { tracer };

export interface SpanOptions {
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** The span above it, or what another process says of it. @default the active span */
  readonly parent?: Span | Traceparent | null;
  /** Traces that this span also belongs to, as a batch does. */
  readonly links?: readonly Traceparent[];
  /** When the span began, in milliseconds since the epoch. @default now */
  readonly startTime?: number;
}

/**
 * Runs a function inside a span. What it throws is recorded as the span's error (by its kind, never its
 * message, which may quote data) and thrown on.
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

/**
 * Records a span that has already happened, such as one thought's share of a batch's lookup. Times as in
 * Date.now().
 */
export function recordSpan(
  name: string,
  options: SpanOptions & { readonly startTime: number; readonly endTime: number },
): void {
  start(name, options, parentContext(options.parent)).end(options.endTime);
}

/**
 * Starts the span of an incoming request; the caller runs the request in it ({@link runInSpan}) and ends it.
 * For a request that is not sampled it records nothing, but still has the ids of its log lines.
 *
 * @param traceparent the caller's header
 * @returns undefined if nothing is traced
 */
export function openServerSpan(name: string, traceparent: string | undefined): Span | undefined {
  const span = tracer.startSpan(name, { kind: SpanKind.SERVER }, parentContext(traceparent));
  return isSpanContextValid(span.spanContext()) ? span : undefined;
}

/** Runs a function with this span as the active one. */
export function runInSpan<T>(span: Span, run: () => T): T {
  return context.with(trace.setSpan(context.active(), span), run);
}

export type DropReason = "queue_full" | "export_failed";
type DropListener = (reason: DropReason, count: number) => void;
const dropListeners = new Set<DropListener>();

/** Counts every span that is dropped from now on. */
export function onSpansDropped(listener: DropListener): void {
  dropListeners.add(listener);
}

/** Reports that recorded spans will not arrive: the queue was full, or the receiver did not take them. */
export function spansDropped(reason: DropReason, count: number): void {
  for (const listener of dropListeners) listener(reason, count);
}

/**
 * The ids of the late span that is being started: read by the sampler and the id generator of
 * `trace_export.ts`.
 */
export const LATE_SPAN: { ids: SpanContext | undefined } = { ids: undefined };

/** Late spans a second; beyond that, a storm of errors shows in the metrics alone. */
const LATE_SPANS_PER_SECOND = 20;
let [lateSecond, lateCount] = [0, 0];

/** Whether another late trace fits into this second; it is then counted. */
export function mayRecordLate(): boolean {
  const second = Math.floor(performance.now() / 1_000);
  if (second !== lateSecond) [lateSecond, lateCount] = [second, 0];
  return ++lateCount <= LATE_SPANS_PER_SECOND;
}

/**
 * Records a span of a trace that was not sampled, once it is known to matter: it failed, or was slow. It
 * keeps the ids that were propagated when it happened, which spans recorded elsewhere refer to. At most 20 a
 * second are kept.
 *
 * @param ids the span's own, as {@link openServerSpan} or a stored `traceparent` had them
 * @param options `parent`: the span above it
 * @default none; `ofApi`: it is a span of the API, whichever process records it
 * @returns whether it was recorded
 */
export function recordLateSpan(
  name: string,
  ids: SpanContext | Traceparent,
  options: SpanOptions & {
    readonly startTime: number;
    readonly endTime: number;
    readonly error?: unknown;
    readonly ofApi?: boolean;
  },
): boolean {
  const own = typeof ids === "string" ? trace.getSpanContext(parentContext(ids)) : ids;
  if (own === undefined || !isSpanContextValid(own)) return false;
  if (!mayRecordLate()) return false;
  const parent = options.parent ? parentContext(options.parent) : trace.deleteSpan(context.active());
  LATE_SPAN.ids = own;
  try {
    const span = start(name, options, parent, options.ofApi ? API_TRACER.tracer : tracer);
    if (options.error !== undefined) failSpan(span, options.error);
    span.end(options.endTime);
    return true;
  } finally {
    LATE_SPAN.ids = undefined;
  }
}

/** Runs a function as part of a trace without a span of its own: its calls then do not start traces. */
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

/** The same trace, sampled: what is recorded below it is kept. */
export const asSampled = (traceparent: Traceparent): Traceparent => `${traceparent.slice(0, -2)}01`;

/** The ids inside a `traceparent`, as log fields. */
export function traceFields(traceparent: Traceparent): { trace_id: string; span_id: string } {
  return { trace_id: traceparent.slice(3, 35), span_id: traceparent.slice(36, 52) };
}

/** The active span's ids, as log fields; nothing when nothing is traced. */
export function activeTrace(): { trace_id?: string; span_id?: string } {
  const ids = trace.getActiveSpan()?.spanContext();
  return ids === undefined ? {} : { trace_id: ids.traceId, span_id: ids.spanId };
}

/** Exemplar labels of a span; none unless it is sampled, since that trace could not be opened. */
export function exemplarOf(span: Span | undefined): Partial<Record<string, string>> {
  const ids = span?.spanContext();
  return ids !== undefined && (ids.traceFlags & TraceFlags.SAMPLED) === 1 ? { trace_id: ids.traceId } : {};
}

function start(name: string, options: SpanOptions, parent: Context, by = tracer): Span {
  const { kind = SpanKind.INTERNAL, attributes, startTime } = options;
  const links = (options.links ?? []).flatMap((traceparent): Link[] => {
    const linked = trace.getSpanContext(parentContext(traceparent));
    return linked !== undefined && isSpanContextValid(linked) ? [{ context: linked }] : [];
  });
  return by.startSpan(name, {
    kind,
    attributes: attributes ?? {},
    links,
    ...(startTime === undefined ? {} : { startTime }),
  }, parent);
}

function parentContext(parent: Span | Traceparent | null | undefined): Context {
  if (!parent) return context.active();
  if (typeof parent !== "string") return trace.setSpan(context.active(), parent);
  return propagation.extract(context.active(), { traceparent: parent });
}
