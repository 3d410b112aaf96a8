/** Tempo's receivers, and where it sends span metrics. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { readComposeFile, readRepositoryFile } from "../support/compose_file.ts";

const tempo = parse(readRepositoryFile("config/tempo-config.yml"));
const { services } = readComposeFile();

Deno.test("tempo takes OTLP, Jaeger and Zipkin from other containers", () => {
  const { otlp, jaeger, zipkin } = tempo.distributor.receivers;
  const endpoints = [
    otlp.protocols.grpc,
    otlp.protocols.http,
    jaeger.protocols.grpc,
    jaeger.protocols.thrift_http,
    zipkin,
  ].map(({ endpoint }) => endpoint);
  for (const endpoint of endpoints) {
    const [host, port] = endpoint.split(":");
    assert.equal(host, "0.0.0.0", endpoint); // the default is localhost
    assert.ok(services.tempo!.expose!.includes(port), endpoint);
  }
});

Deno.test("our processes send their spans where tempo listens for OTLP over HTTP", () => {
  for (const name of ["api", "kafka-worker"]) {
    const { environment } = services[name]!;
    assert.equal(new URL(String(environment!.OTEL_EXPORTER_OTLP_ENDPOINT)).host, "tempo:4318", name);
  }
});

Deno.test("span metrics and the service graph go to prometheus, with exemplars", () => {
  assert.deepEqual(tempo.overrides.defaults.metrics_generator.processors, ["service-graphs", "span-metrics"]);
  const [write] = tempo.metrics_generator.storage.remote_write;
  assert.equal(write.url, "http://prometheus:9090/api/v1/write");
  assert.equal(write.send_exemplars, true);
});
