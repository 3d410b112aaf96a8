/** Starts OpenTelemetry; must be loaded before what it instruments. Its settings are the usual variables, `OTEL_…`. */
const { ExpressInstrumentation } = require("@opentelemetry/instrumentation-express");
const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
const { NodeSDK } = require("@opentelemetry/sdk-node");

// Metrics are scraped and log lines read from stdout: only traces are sent.
process.env.OTEL_METRICS_EXPORTER ??= "none";
process.env.OTEL_LOGS_EXPORTER ??= "none";
const sdk = new NodeSDK({
  instrumentations: [
    new HttpInstrumentation({ ignoreIncomingRequestHook: ({ url }) => url === "/metrics" }),
    new ExpressInstrumentation(),
  ],
});
sdk.start();
for (const signal of ["SIGTERM", "SIGINT"]) {
  process.once(signal, () => sdk.shutdown().finally(() => process.exit()));
}
