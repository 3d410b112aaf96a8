import assert from "node:assert/strict";
import { loadConfig } from "./config.ts";
import { reachableHosts } from "./reachable_hosts.ts";

const OWN = ["localhost", "127.0.0.1", "0.0.0.0", "api.openai.com"];
/** What settings add to the set. */
const added = (env: Record<string, string>, programs: readonly ("api" | "worker")[] = ["worker"]) =>
  reachableHosts(loadConfig({ env: (name) => env[name] }), programs, OWN).slice(OWN.length);

for (
  const [what, env, hosts] of [
    ["nothing", {}, []],
    ["a model on this machine, seen from a container", {
      ANALYSER: "openai",
      OPENAI_BASE_URL: "http://host.docker.internal:11434/v1",
    }, ["host.docker.internal:11434"]],
    ["Groq", { ANALYSER: "openai", OPENAI_BASE_URL: "https://api.groq.com/openai/v1" }, ["api.groq.com:443"]],
    ["an address on the LAN", { ANALYSER: "openai", OPENAI_BASE_URL: "http://192.168.1.20:8080/v1" }, [
      "192.168.1.20:8080",
    ]],
    ["an IPv6 address", { ANALYSER: "openai", OPENAI_BASE_URL: "http://[fd00::1]:8000/v1" }, [
      "[fd00::1]:8000",
    ]],
    ["the default provider, which its set names", { ANALYSER: "openai" }, []],
    ["an endpoint that no analyser asks", { OPENAI_BASE_URL: "https://api.groq.com/openai/v1" }, []],
    ["PostgreSQL elsewhere, a password in its address", {
      DATABASE_URL: "postgres://u:p%40x@db.example:6432/t",
    }, [
      "db.example:6432",
    ]],
    ["PostgreSQL without a port", { DATABASE_URL: "postgres://u@db.example/t" }, ["db.example:5432"]],
    ["Redis over TLS, Kafka's brokers, a collector", {
      REDIS_URL: "rediss://cache.example",
      KAFKA_BROKERS: "k1.example:9092, k2.example:9093",
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://otlp.example",
    }, ["cache.example:6379", "otlp.example:443", "k1.example:9092", "k2.example:9093"]],
    ["this machine", { DATABASE_URL: "postgres://u@127.0.0.1:5432/t", KAFKA_BROKERS: "localhost:9092" }, []],
    ["an address to listen on", { WORKER_HOST: "10.0.0.5" }, ["10.0.0.5"]],
    ["every address to listen on", { WORKER_HOST: "::" }, ["[::]"]],
  ] as const
) {
  Deno.test(`a worker whose settings name ${what} may reach ${hosts.join(", ") || "no more than ever"}`, () => {
    assert.deepEqual(added(env), hosts);
  });
}

Deno.test("the API reaches neither the model nor Kafka", () => {
  const env = { ANALYSER: "openai", OPENAI_BASE_URL: "http://192.168.1.20/v1", KAFKA_BROKERS: "k1:9092" };
  assert.deepEqual(added(env, ["api"]), []);
});
