/**
 * A service on Node.js with Express: metrics with exemplars, log lines of JSON, and traces.
 *
 *   npm install
 *   OTEL_SERVICE_NAME=shop OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm start
 */
require("./tracing.js");
const { trace } = require("@opentelemetry/api");
const express = require("express");
const prometheus = require("prom-client");

const registry = new prometheus.Registry();
// Exemplars exist in this format only.
registry.setContentType(prometheus.Registry.OPENMETRICS_CONTENT_TYPE);
prometheus.collectDefaultMetrics({ register: registry });
const durations = new prometheus.Histogram({
  name: "http_request_duration_seconds",
  help: "Duration of HTTP requests.",
  labelNames: ["method", "route", "status_code"],
  buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5],
  registers: [registry],
  enableExemplars: true,
});

const app = express();
app.use((request, response, next) => {
  const started = performance.now();
  const { traceId, spanId } = trace.getActiveSpan()?.spanContext() ?? {};
  response.on("finish", () => {
    const seconds = (performance.now() - started) / 1_000;
    // Paths that are not a route share one label value.
    const route = request.route?.path ?? "none";
    const labels = { method: request.method, route, status_code: response.statusCode };
    durations.observe({ labels, value: seconds, ...(traceId && { exemplarLabels: { trace_id: traceId } }) });
    if (route === "/metrics") return;
    const level = response.statusCode >= 500 ? "ERROR" : "INFO";
    const line = { time: new Date(), level, message: "request", ...labels, seconds };
    console.log(JSON.stringify({ ...line, trace_id: traceId, span_id: spanId }));
  });
  next();
});

app.get("/orders/:id", (request, response) => response.json({ id: request.params.id, status: "sent" }));
app.get("/fail", (_request, response) => response.status(500).json({ error: "on purpose" }));
app.get("/metrics", async (_request, response) => {
  response.set("content-type", registry.contentType).end(await registry.metrics());
});

// Every address: Prometheus scrapes from a container.
app.listen(Number(process.env.PORT ?? 3000), "0.0.0.0");
