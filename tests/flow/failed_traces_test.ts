/**
 * What is not sampled but still matters: a request that failed or was slow keeps its span, at any sampling
 * rate.
 */
import assert from "node:assert/strict";
import { Hono } from "hono";
import { type Env, observe } from "../../api/observe.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { createMetrics } from "../../core/telemetry/metrics.ts";
import { startTracing } from "../../core/telemetry/trace_export.ts";
import { inject, onSpansDropped } from "../../core/telemetry/tracing.ts";
import { startOtlpReceiver } from "../support/otlp.ts";
import { waitFor } from "../support/wait.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const PARENT = "b7ad6b7169203331";
const log = createLogger({ service: "test", write: () => {} });

Deno.test("a failed request keeps its span, under the ids that it handed on, although nothing is sampled", async () => {
  const receiver = startOtlpReceiver();
  const dropped: [string, number][] = [];
  onSpansDropped((reason, count) => dropped.push([reason, count]));
  const tracing = startTracing({ otlpEndpoint: receiver.env.OTEL_EXPORTER_OTLP_ENDPOINT, traceRatio: 0 }, {
    service: "thoughtprocessor-api",
    version: "1",
  });
  let handedOn: string | null = null;
  const app = new Hono<Env>().use(observe({ metrics: createMetrics("api", "1"), log }))
    .get("/fine", (c) => c.text("fine"))
    .get("/broken", (c) => {
      handedOn = inject();
      return c.text("the store is down", 503);
    });

  await app.request("/fine");
  // Go's clients write the header with a capital.
  const response = await app.request("/broken", { headers: { "Traceparent": `00-${TRACE}-${PARENT}-00` } });
  assert.equal(response.headers.get("x-trace-id"), TRACE);
  for (let i = 0; i < 100; i++) await app.request("/broken");
  await waitFor("the span", () => Promise.resolve(receiver.spans.length > 0));
  const [span] = receiver.spans;
  assert.equal(span!.name, "GET /broken");
  assert.deepEqual([span!.traceId, span!.parentSpanId, span!.status], [TRACE, PARENT, 2]);
  assert.equal(span!.attributes["http.response.status_code"], 503);
  assert.ok(
    receiver.spans.every(({ name }) => name === "GET /broken"),
    "the one that succeeded left nothing",
  );
  assert.ok(receiver.spans.length <= 60, `a storm of errors is bounded: ${receiver.spans.length} spans`);
  assert.match(handedOn!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, "what came after knows the trace, unsampled");
  assert.equal(receiver.spans.at(-1)!.parentSpanId, "", "a request without a caller's trace has no parent");

  await receiver[Symbol.asyncDispose]();
  await app.request("/broken", { headers: { traceparent: `00-${"1".repeat(32)}-${PARENT}-01` } });
  await waitFor("the loss to be counted", () => Promise.resolve(dropped.length > 0), { timeoutMs: 20_000 });
  assert.equal(dropped[0]![0], "export_failed");
  await tracing[Symbol.asyncDispose]();
});
