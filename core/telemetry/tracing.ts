/**
 * Spans and the active trace. A span is a plain record; once it has ended, `trace_export.ts` sends it. Without
 * an exporter no span is recorded, and every call here costs nanoseconds.
 *
 * OpenTelemetry's tracer is not used: its span takes as long to make as all the rest of a thought's way
 * through the worker (docs/decisions/0017-tracing-by-the-sdk.md).
 */
import { AsyncLocalStorage } from "node:async_hooks";
import {
  type Attributes,
  INVALID_SPAN_CONTEXT,
  type SpanContext,
  SpanKind,
  TraceFlags,
} from "@opentelemetry/api";
import { idsIn, type Traceparent, traceparentOf } from "./traceparent.ts";

export { type Attributes, type SpanContext, SpanKind };

/** `service.name` of the API: its own spans bear it, and those that a worker rebuilds of its requests. */
export const API_SERVICE = "thoughtprocessor-api";

export interface Span {
  readonly name: string;
  readonly kind: SpanKind;
  readonly ids: SpanContext;
  readonly parent: SpanContext | undefined;
  /** Other traces that it belongs to, as a batch does. */
  readonly links: readonly SpanContext[];
  /** In milliseconds since the epoch. */
  readonly startTime: number;
  /** By performance.now(), to measure how long it took; undefined if it began before it was opened. */
  readonly startedAt: number | undefined;
  readonly ofApi: boolean;
  attributes: Attributes;
  /** Why it failed, in a word. */
  error: string | undefined;
}

export interface SpanOptions {
  /** @default INTERNAL */
  readonly kind?: SpanKind;
  readonly attributes?: Attributes;
  /** The span above it, or what another process says of it; null for none. @default the active span */
  readonly parent?: Span | Traceparent | null;
  /** Traces that this span also belongs to. */
  readonly links?: readonly (Span | Traceparent)[];
  /** When the span began, in milliseconds since the epoch. @default now */
  readonly startTime?: number;
  /** The ids that were handed on when it happened. @default new ones, in the parent's trace */
  readonly ids?: SpanContext;
  /** It is a span of the API, whichever process records it. @default false */
  readonly ofApi?: boolean;
}

/** Receives spans. */
export interface Recorder {
  /** Whether to record a trace that starts here. */
  samples(traceId: string): boolean;
  /** @param endTime in milliseconds since the epoch */
  record(span: Span, endTime: number): void;
}

let recorder: Recorder | undefined;
const active = new AsyncLocalStorage<SpanContext>();

/** Sends every span to this recorder from now on; undefined: records none. */
export function recordTo(to: Recorder | undefined): void {
  recorder = to;
}

/**
 * Runs a function inside a span. What it throws is recorded as the span's error (by its kind, never its
 * message, which may quote data) and thrown on.
 */
export async function withSpan<T>(
  name: string,
  options: SpanOptions,
  run: () => Promise<T> | T,
): Promise<T> {
  const span = openSpan(name, options);
  try {
    return await runInSpan(span, run);
  } catch (error) {
    failSpan(span, error);
    throw error;
  } finally {
    endSpan(span);
  }
}

/** Starts a span, which {@link endSpan} records. */
export function openSpan(name: string, options: SpanOptions): Span {
  const parent = idsOf(options.parent);
  return {
    name,
    kind: options.kind ?? SpanKind.INTERNAL,
    ids: options.ids ?? newIds(parent),
    parent,
    links: options.links?.map((link) => idsOf(link)).filter((ids) => ids !== undefined) ?? NO_LINKS,
    startTime: options.startTime ?? Date.now(),
    startedAt: options.startTime === undefined ? performance.now() : undefined,
    ofApi: options.ofApi ?? false,
    attributes: options.attributes ?? NO_ATTRIBUTES,
    error: undefined,
  };
}

/**
 * Starts the span of an incoming request; the caller runs the request in it ({@link runInSpan}) and ends it.
 *
 * @param traceparent the caller's header
 * @returns undefined if nothing is traced
 */
export function openServerSpan(name: string, traceparent: string | undefined): Span | undefined {
  if (recorder === undefined) return undefined;
  return openSpan(name, { kind: SpanKind.SERVER, parent: traceparent ?? null });
}

export interface SpanEnd {
  /** In milliseconds since the epoch. @default now */
  readonly at?: number;
  /** It matters, because it failed or was slow: it is recorded even if its trace is not. @default false */
  readonly matters?: boolean;
}

/**
 * Ends a span, which records it if its trace is sampled. One that is not, but matters, is recorded under the
 * ids that were handed on, which spans recorded elsewhere refer to; at most 20 a second are.
 */
export function endSpan(span: Span, { at, matters = false }: SpanEnd = {}): void {
  if (recorder === undefined) return;
  if (!isRecorded(span) && !(matters && mayRecordLate())) return;
  const { startTime, startedAt } = span;
  recorder.record(
    span,
    at ?? (startedAt === undefined ? Date.now() : startTime + performance.now() - startedAt),
  );
}

/** Whether a span's trace is sampled. */
export function isRecorded({ ids }: Span): boolean {
  return (ids.traceFlags & TraceFlags.SAMPLED) === 1;
}

/** Marks a span as failed, by an error's name or a reason's; never by a message, which may quote data. */
export function failSpan(span: Span, error: unknown): void {
  span.error = error instanceof Error ? error.name : String(error);
}

export function setAttributes(span: Span, attributes: Attributes): void {
  span.attributes = { ...span.attributes, ...attributes };
}

/** Late spans a second; beyond that, a storm of errors shows in the metrics alone. */
const LATE_SPANS_PER_SECOND = 20;
let [lateSecond, lateCount] = [0, 0];

/** Whether another late trace fits into this second; it is then counted. */
export function mayRecordLate(): boolean {
  if (recorder === undefined) return false;
  const second = Math.floor(performance.now() / 1_000);
  if (second !== lateSecond) [lateSecond, lateCount] = [second, 0];
  return ++lateCount <= LATE_SPANS_PER_SECOND;
}

/** Runs a function with this span as the active one. */
export function runInSpan<T>(span: Span, run: () => T): T {
  return recorder === undefined ? run() : active.run(span.ids, run);
}

/** The `traceparent` of the active span, to send along; null when nothing is traced. */
export function inject(): Traceparent | null {
  const ids = active.getStore();
  return ids === undefined ? null : traceparentOf(ids);
}

/** The active span's ids, as log fields; nothing when nothing is traced. */
export function activeTrace(): { trace_id?: string; span_id?: string } {
  const ids = active.getStore();
  return ids === undefined ? {} : { trace_id: ids.traceId, span_id: ids.spanId };
}

/** Exemplar labels of a span; none unless it is sampled, since that trace could not be opened. */
export function exemplarOf(span: Span | undefined): Partial<Record<string, string>> {
  return span !== undefined && isRecorded(span) ? { trace_id: span.ids.traceId } : {};
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

const NO_LINKS: readonly SpanContext[] = [];
const NO_ATTRIBUTES: Attributes = {};

function idsOf(span: Span | Traceparent | null | undefined): SpanContext | undefined {
  if (span === undefined) return active.getStore();
  if (span === null) return undefined;
  return typeof span === "string" ? idsIn(span) : span.ids;
}

/** A child is sampled as its parent is (W3C Trace Context); with nothing traced, the parent's ids pass on. */
function newIds(parent: SpanContext | undefined): SpanContext {
  if (recorder === undefined) return parent ?? INVALID_SPAN_CONTEXT;
  const traceId = parent?.traceId ?? hex32() + hex32() + hex32() + hex32();
  const sampled = parent === undefined
    ? recorder.samples(traceId)
    : (parent.traceFlags & TraceFlags.SAMPLED) === 1;
  return { traceId, spanId: hex32() + hex32(), traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE };
}

/** 32 random bits in hexadecimal, never 0: an id of zeros alone is invalid (W3C Trace Context). */
const hex32 = () => (1 + Math.floor(Math.random() * (2 ** 32 - 1))).toString(16).padStart(8, "0");
