/**
 * The export of spans: the OpenTelemetry SDK, sending OTLP over HTTP. Every option is passed in, since the
 * SDK would read the environment otherwise. Deno's built-in OpenTelemetry stays off: it traces every request,
 * sampled or not, at 1.5 to 2.7 times the processor time of an API that is not traced (docs/performance.md).
 */
import { ROOT_CONTEXT, SpanStatusCode } from "@opentelemetry/api";
import { millisToHrTime } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  type ReadableSpan,
  SamplingDecision,
  type SpanExporter,
  TraceIdRatioBasedSampler,
} from "@opentelemetry/sdk-trace";
import type { Config } from "../config.ts";
import { asSampled } from "./traceparent.ts";
import { API_SERVICE, isRecorded, recordTo, type Span, spansDropped } from "./tracing.ts";

/** What every span says about its process. */
export interface TracedProcess {
  /** `service.name`. */
  readonly service: string;
  readonly version: string;
}

/** Spans held for the next export, about 1 kB each; more are dropped. */
const MAX_QUEUED = 4_096;
const EXPORT_EVERY_MS = 1_000;
const EXPORT_TIMEOUT_MS = 5_000;

/**
 * Starts tracing for this process; call it once, before anything is traced. Exporting never blocks a request,
 * holds at most 4,096 spans, and drops what the receiver does not accept. Disposing sends what is held, for 5
 * s at most.
 */
export function startTracing(
  { otlpEndpoint: endpoint, traceRatio: ratio }: Pick<Config, "otlpEndpoint" | "traceRatio">,
  { service, version }: TracedProcess,
): AsyncDisposable {
  if (endpoint === undefined) return { [Symbol.asyncDispose]: () => Promise.resolve() };

  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, "")}/v1/traces`,
    headers: {},
    timeoutMillis: EXPORT_TIMEOUT_MS,
    concurrencyLimit: 2,
  });
  const resourceOf = (name: string) =>
    resourceFromAttributes({ "service.name": name, "service.version": version });
  const [own, api] = [resourceOf(service), resourceOf(API_SERVICE)];
  const sampler = new TraceIdRatioBasedSampler(ratio);
  const batches = countingBatches(exporter);
  recordTo({
    samples: (traceId) =>
      sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED,
    record: (span, endTime) => batches.add(readable(span, endTime, span.ofApi ? api : own)),
  });
  return {
    async [Symbol.asyncDispose]() {
      await batches.shutdown().catch(() => {}); // a receiver that is down must not fail a stop
    },
  };
}

/**
 * The SDK's batches, with a count of what they drop: beyond the queue's bound, or refused by the receiver.
 */
function countingBatches(exporter: SpanExporter) {
  let queued = 0;
  const batches = new BatchSpanProcessor({
    maxQueueSize: MAX_QUEUED,
    maxExportBatchSize: 512,
    scheduledDelayMillis: EXPORT_EVERY_MS,
    exportTimeoutMillis: EXPORT_TIMEOUT_MS,
    exporter: {
      export(spans, done) {
        queued -= spans.length;
        exporter.export(spans, (result) => {
          if (result.error !== undefined) spansDropped("export_failed", spans.length);
          done(result);
        });
      },
      shutdown: () => exporter.shutdown(),
      forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
    },
  });
  return {
    add(span: ReadableSpan): void {
      if (queued >= MAX_QUEUED) return spansDropped("queue_full", 1);
      queued++;
      batches.onEnd(span);
    },
    shutdown: () => batches.shutdown(),
  };
}

const SCOPE = { name: "thought-processor" };
const NO_EVENTS: ReadableSpan["events"] = [];
const UNSET: ReadableSpan["status"] = { code: SpanStatusCode.UNSET };

/** A span as the SDK exports it. One that was not sampled, but matters, is exported as if it were. */
function readable(span: Span, endTime: number, resource: Resource): ReadableSpan {
  const { name, kind, parent, links, attributes, error } = span;
  const ids = isRecorded(span) ? span.ids : asSampled(span.ids);
  return {
    name,
    kind,
    spanContext: () => ids,
    ...(parent && { parentSpanContext: parent }),
    startTime: millisToHrTime(span.startTime),
    endTime: millisToHrTime(endTime),
    duration: millisToHrTime(endTime - span.startTime),
    status: error === undefined ? UNSET : { code: SpanStatusCode.ERROR, message: error },
    attributes: error === undefined ? attributes : { ...attributes, "error.type": error },
    links: links.map((context) => ({ context })),
    events: NO_EVENTS,
    ended: true,
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
}
