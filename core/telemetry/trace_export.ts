/**
 * The export of spans: the OpenTelemetry SDK, sending OTLP over HTTP. Every option is passed in, since the
 * SDK would read the environment otherwise. Deno's built-in OpenTelemetry stays off: it traces every request,
 * sampled or not, at 1.5 to 2.7 times the processor time of an API that is not traced (docs/performance.md).
 */
import { type Context, context, propagation, type SpanContext, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  type ReadableSpan,
  type Sampler,
  SamplingDecision,
  type Span,
  type SpanExporter,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Config } from "../config.ts";
import { API_SERVICE, API_TRACER, LATE_SPAN, spansDropped } from "./tracing.ts";

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
  const shared = {
    sampler: lateSpansToo(new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(ratio) })),
    idGenerator: createIdGenerator(),
    spanProcessors: [countingProcessor(exporter)],
  };
  const providerOf = (name: string) =>
    new TracerProvider({
      resource: resourceFromAttributes({ "service.name": name, "service.version": version }),
      ...shared,
    });
  const provider = providerOf(service);
  API_TRACER.tracer = providerOf(API_SERVICE).getTracer("thought-processor");
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  return {
    async [Symbol.asyncDispose]() {
      await provider.shutdown().catch(() => {}); // a receiver that is down must not fail a stop
    },
  };
}

/**
 * The SDK's batches, with a count of what they drop: beyond the queue's bound, or refused by the receiver.
 */
function countingProcessor(exporter: SpanExporter): SpanProcessor {
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
    onStart: (span: Span, parent: Context) => batches.onStart(span, parent),
    onEnd(span: ReadableSpan) {
      if (queued >= MAX_QUEUED) return spansDropped("queue_full", 1);
      queued++;
      batches.onEnd(span);
    },
    forceFlush: () => batches.forceFlush(),
    shutdown: () => batches.shutdown(),
  };
}

/** Records late spans whatever the other sampler decides: their trace was not sampled, and then failed. */
function lateSpansToo(sampler: Sampler): Sampler {
  return {
    shouldSample: (...args) =>
      LATE_SPAN.ids === undefined
        ? sampler.shouldSample(...args)
        : { decision: SamplingDecision.RECORD_AND_SAMPLED },
    toString: () => `LateSpansToo{${sampler}}`,
  };
}

/**
 * Random ids, except for late spans: those keep the ids that were propagated when they happened. The SDK's
 * own generator takes a tenth of a span's time here, in Deno's Buffer.
 */
function createIdGenerator() {
  const late = (): SpanContext | undefined => LATE_SPAN.ids;
  return {
    generateTraceId: () => late()?.traceId ?? hex32() + hex32() + hex32() + hex32(),
    generateSpanId: () => late()?.spanId ?? hex32() + hex32(),
  };
}

/** 32 random bits in hexadecimal, never 0: an id of zeros alone is invalid (W3C Trace Context). */
const hex32 = () => (1 + Math.floor(Math.random() * (2 ** 32 - 1))).toString(16).padStart(8, "0");
