/** `/metrics` of the real API and worker: the whole catalogue, nothing else, and real values. */
import assert from "node:assert/strict";
import { CATALOGUE, type Service } from "../../core/telemetry/catalogue.ts";
import { scrape } from "../support/exposition.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { freshDatabase, type Services, testOnServices } from "../support/services.ts";
import { aResult } from "../support/thoughts.ts";
import { waitFor } from "../support/wait.ts";

interface Declared {
  readonly type: string;
  readonly help: string;
  readonly on: readonly Service[];
  readonly labels?: readonly string[];
  readonly buckets?: readonly number[];
}
const declared = Object.entries(CATALOGUE) as [string, Declared][];

/** What prom-client says of every process by itself. */
const DEFAULT_METRIC = /^(process|nodejs)_/;
const EXPECTED_DEFAULTS = [
  "process_cpu_seconds_total",
  "process_start_time_seconds",
  "nodejs_eventloop_lag_seconds",
];

const FORMATS = ["text", "openmetrics"] as const;
type Format = (typeof FORMATS)[number];

/** OpenMetrics names a counter's family without the suffix of its sample. */
const familyName = (name: string, format: Format) =>
  format === "openmetrics" ? name.replace(/_total$/, "") : name;

testOnServices(
  "what API and worker expose is the catalogue, in both formats, however they alternate",
  async (services) => {
    await using system = await startSystem(services);
    await system.post("a thought, so that every label set may appear");
    await system.finished();

    // Prometheus, a person with curl, Prometheus again, and both at once.
    const order: Format[] = ["openmetrics", "text", "openmetrics", "text", "text"];
    for (const service of ["api", "worker"] as const) {
      for (const format of order) await matchesCatalogue(service, system[service], format);
      await Promise.all(
        FORMATS.flatMap((format) => [1, 2, 3].map(() => matchesCatalogue(service, system[service], format))),
      );
    }
  },
);

async function matchesCatalogue(service: Service, url: string, format: Format): Promise<void> {
  const { contentType, text, families } = await scrape(url, format);
  assert.match(
    contentType,
    format === "text" ? /^text\/plain; version=0\.0\.4/ : /^application\/openmetrics-text; version=1\.0\.0/,
  );
  assert.equal(text.endsWith("# EOF\n"), format === "openmetrics");

  const mine = declared.filter(([, { on }]) => on.includes(service));
  assert.deepEqual(
    [...families.keys()].filter((name) => !DEFAULT_METRIC.test(name)).toSorted(),
    mine.map(([name]) => familyName(name, format)).toSorted(),
  );
  for (const name of EXPECTED_DEFAULTS) assert.ok(families.has(familyName(name, format)), name);

  for (const [name, { type, help, labels = [], buckets }] of mine) {
    const family = families.get(familyName(name, format))!;
    assert.deepEqual([family.type, family.help], [type, help], name);
    for (const sample of family.samples) {
      const suffix = type === "histogram" ? /^_(bucket|sum|count)$/ : /^$/;
      assert.match(sample.name.slice(name.length), suffix, sample.name);
      const names = Object.keys(sample.labels).filter((label) => label !== "le").toSorted();
      assert.deepEqual(names, labels.toSorted(), name);
      assert.ok(!Number.isNaN(sample.value), `${sample.name} is a number`);
    }
    if (buckets !== undefined && family.samples.length > 0) {
      const bounds = new Set(
        family.samples.flatMap(({ labels: { le } }) =>
          le === undefined ? [] : [Number(le.replace("+Inf", "Infinity"))]
        ),
      );
      assert.deepEqual([...bounds], [...buckets, Infinity], name);
    }
  }
}

testOnServices("what is known in advance is there from the start, at 0", async (services) => {
  await using system = await startSystem(services);
  const [api, worker] = await Promise.all([scrape(system.api), scrape(system.worker)]);
  for (
    const [exposed, name, labels] of [
      [api, "http_requests_total", { method: "POST", route: "/thoughts", status: "201" }],
      [api, "http_requests_total", { method: "POST", route: "/thoughts", status: "500" }],
      [api, "http_requests_total", { method: "GET", route: "/thoughts/:id", status: "404" }],
      [api, "http_request_duration_seconds_count", { method: "POST", route: "/thoughts", status: "201" }],
      [api, "http_requests_inprogress", { method: "POST", route: "/thoughts" }],
      [api, "thoughts_accepted_total", {}],
      [api, "alert_notifications_total", { severity: "critical", status: "firing" }],
      [worker, "batch_processor_thoughts_processed_total", {}],
      [worker, "batch_processor_thoughts_failed_total", {}],
      [worker, "batch_processor_dead_letters_total", {}],
      [worker, "batch_processor_fenced_writes_total", {}],
      [worker, "batch_processor_retries_total", { reason: "analyser_timeout" }],
      [worker, "batch_processor_messages_skipped_total", { reason: "malformed" }],
      [worker, "batch_processor_requeued_total", { reason: "stale_claim" }],
      [worker, "batch_processor_processing_duration_seconds_count", {}],
    ] as const
  ) assert.equal(exposed.value(name, labels), 0, `${name} ${JSON.stringify(labels)}`);
});

testOnServices("the worker's numbers are those of its work", async (services) => {
  await using model = startModel();
  await using system = await startSystem(services, {
    ANALYSER: "openai",
    OPENAI_BASE_URL: model.url,
    OPENAI_MODEL: "gpt-4.1-mini",
    EXPECTED_WORKERS: "3",
    MAX_ATTEMPTS: "2",
    RETRY_FIRST_MS: "10",
  });
  const worker = () => scrape(system.worker);
  const start = await worker();
  assert.equal(start.value("batch_processor_active_workers"), 1);
  assert.equal(start.value("batch_processor_expected_workers"), 3);
  assert.ok(start.value("app_resident_memory_bytes")! > 10e6);
  const { families } = start;
  assert.equal(families.get("app_build_info")!.samples[0]!.labels.deno, Deno.version.deno);
  const [database] = families.get("batch_processor_database_info")!.samples;
  assert.match(database!.labels.datname!, /^test_/);

  // While the model thinks, the thoughts wait.
  const text = `the same text twice ${crypto.randomUUID()}`;
  for (const each of [text, "fail for ever"]) await system.post(each);
  const waiting = await waitFor("thoughts to be counted as waiting", async () => {
    const exposed = await worker();
    return exposed.value("batch_processor_queue_size") === 2 &&
      exposed.value("batch_processor_oldest_waiting_seconds", { priority: "interactive" })! > 0 &&
      exposed;
  });
  assert.equal(waiting.value("batch_processor_thoughts_processed_total"), 0);
  model.answer();
  await system.finished();
  await system.post(text);
  await system.finished();

  const done = await waitFor("the gauges to follow", async () => {
    const exposed = await worker();
    return exposed.value("batch_processor_queue_size") === 0 &&
      exposed.value("batch_processor_outbox_size") === 0 && exposed;
  });
  const model_ = { provider: "127.0.0.1", model: "gpt-4.1-mini" };
  const cost = (1_000 * 0.4 + 100 * 1.6) / 1e6;
  for (
    const [name, labels, value] of [
      ["batch_processor_thoughts_processed_total", {}, 2],
      ["batch_processor_thoughts_failed_total", {}, 1],
      ["batch_processor_retries_total", { reason: "invalid_result" }, 1],
      ["batch_processor_dead_letters_total", {}, 1],
      ["batch_processor_cache_hits_total", {}, 1],
      ["batch_processor_cache_misses_total", {}, 3],
      ["batch_processor_processing_duration_seconds_count", {}, 2],
      ["batch_processor_end_to_end_seconds_count", { priority: "interactive" }, 2],
      ["batch_processor_tokens_total", { ...model_, direction: "input" }, 1_000],
      ["batch_processor_tokens_total", { ...model_, direction: "output" }, 100],
      ["batch_processor_cost_usd_total", model_, cost],
      ["batch_processor_cost_saved_usd_total", model_, cost],
      ["batch_processor_oldest_waiting_seconds", { priority: "interactive" }, 0],
    ] as const
  ) assert.equal(done.value(name, labels), value, `${name} ${JSON.stringify(labels)}`);

  const api = await scrape(system.api);
  assert.equal(api.value("thoughts_accepted_total"), 3);
  assert.equal(api.value("http_requests_total", { method: "POST", route: "/thoughts", status: "201" }), 3);
  assert.equal(
    api.value("http_request_duration_seconds_count", { method: "POST", route: "/thoughts", status: "201" }),
    3,
  );
  assert.equal(api.value("http_requests_inprogress", { method: "POST", route: "/thoughts" }), 0);
});

interface System extends AsyncDisposable {
  /** The base addresses of both processes. */
  readonly api: string;
  readonly worker: string;
  post(text: string): Promise<void>;
  /** Resolves when every thought posted is completed or failed. */
  finished(): Promise<void>;
}

async function startSystem(services: Services, env: Record<string, string> = {}): Promise<System> {
  const stack = new AsyncDisposableStack();
  const database = stack.use(await freshDatabase(services.databaseUrl));
  const all = {
    DATABASE_URL: database.url,
    KAFKA_BROKERS: services.kafkaBrokers,
    REDIS_URL: services.redisUrl,
    API_PORT: "0",
    WORKER_PORT: "0",
    // Messages that a foreign member of the shared group took and dropped.
    REQUEUE_AFTER_MS: "1500",
    RECONCILE_EVERY_MS: "300",
    ...env,
  };
  const programs = [
    stack.use(startProcess({ args: ["-P=api", "api/main.ts"], env: all })),
    stack.use(startProcess({ args: ["-P=worker", "worker/main.ts"], env: all })),
  ] as const;
  const [api, worker] = await Promise.all([loggedUrl(programs[0], "url"), loggedUrl(programs[1], "metrics")]);
  await waitFor(
    "the worker to join its group",
    async () => (await scrape(worker)).value("batch_processor_active_workers") === 1,
  );
  const ids: string[] = [];
  return {
    api,
    worker,
    async post(text) {
      const response = await fetch(`${api}/thoughts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ user_id: "ada", text }),
      });
      assert.equal(response.status, 201);
      ids.push((await response.json()).id);
    },
    async finished() {
      for (const id of ids) {
        await waitFor(
          `${id} to finish`,
          async () =>
            /"status":"(completed|failed)"/.test(await (await fetch(`${api}/thoughts/${id}`)).text()),
        );
      }
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

/**
 * A model of 1,000 tokens in and 100 out that answers nothing until told to, and answers texts that say so
 * with no result.
 */
function startModel(): { readonly url: string; answer(): void } & AsyncDisposable {
  const { promise: told, resolve: answer } = Promise.withResolvers<void>();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const asked = await request.text();
    await told;
    const message = { role: "assistant", content: JSON.stringify(aResult()) };
    if (asked.includes("fail for ever")) {
      return Response.json({
        choices: [{ index: 0, message: { ...message, content: "{}" }, finish_reason: "stop" }],
      });
    }
    return Response.json({
      choices: [{ index: 0, message, finish_reason: "stop" }],
      usage: { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 },
    });
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/v1`,
    answer,
    async [Symbol.asyncDispose]() {
      answer();
      await server.shutdown();
    },
  };
}
