/**
 * A service on Deno with Hono: metrics with exemplars, log lines of JSON, and traces by Deno's own
 * OpenTelemetry.
 *
 *   OTEL_SERVICE_NAME=shop OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 deno task start
 */
import { trace } from "@opentelemetry/api";
import { Hono } from "hono";
import { routePath } from "hono/route";
import * as prometheus from "prom-client";

const app = new Hono();
const registry = new prometheus.Registry<prometheus.OpenMetricsContentType>();
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

app.use(async (c, next) => {
  const started = performance.now();
  await next();
  const seconds = (performance.now() - started) / 1_000;
  const route = routePath(c, -1);
  const span = trace.getActiveSpan();
  // Deno names the span by its method alone.
  span?.updateName(`${c.req.method} ${route}`);
  span?.setAttribute("http.route", route);
  const { traceId, spanId } = span?.spanContext() ?? {};
  const labels = { method: c.req.method, route, status_code: c.res.status };
  const exemplarLabels: Record<string, string> = { trace_id: traceId ?? "" };
  durations.observe({ labels, value: seconds, ...(traceId && { exemplarLabels }) });
  if (route === "/metrics") return;
  const level = c.res.status >= 500 ? "ERROR" : "INFO";
  const line = { time: new Date(), level, message: "request", ...labels, seconds };
  console.log(JSON.stringify({ ...line, trace_id: traceId, span_id: spanId }));
});

app.get("/orders/:id", (c) => c.json({ id: c.req.param("id"), status: "sent" }));
app.get("/fail", (c) => c.json({ error: "on purpose" }, 500));
app.get(
  "/metrics",
  async (c) => c.body(await registry.metrics(), 200, { "content-type": registry.contentType }),
);

// Every address: Prometheus scrapes from a container.
Deno.serve({ hostname: "0.0.0.0", port: Number(Deno.env.get("PORT") ?? 3000) }, app.fetch);
