/**
 * A model that is unavailable: thoughts wait, none fails, and work resumes by itself; through real workers
 * before a real server.
 */
import assert from "node:assert/strict";
import { openMemoryCache } from "../../core/cache/memory.ts";
import { loadConfig } from "../../core/config.ts";
import { openMemoryQueue } from "../../core/queue/memory.ts";
import type { Database } from "../../core/store/database.ts";
import { openPostgres } from "../../core/store/postgres.ts";
import { createStore } from "../../core/store/thoughts.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { createOpenAiAnalyser } from "../../worker/analysers/openai.ts";
import { startWorker } from "../../worker/worker.ts";
import { testOnDatabases } from "../support/databases.ts";
import { complaint, completion, type FakeOpenAi, type Say, startFakeOpenAi } from "../support/fake_openai.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { freshDatabase, testOnServices } from "../support/services.ts";
import { aThought } from "../support/thoughts.ts";
import { waitFor } from "../support/wait.ts";

/** With these a thought has used up its five attempts within two seconds, if they are charged. */
const IMPATIENT = { RETRY_FIRST_MS: "100", RECONCILE_EVERY_MS: "300" };
const OUTAGE_MS = 6_000;
/** From the endpoint's return until work resumes. */
const RETURN_MS = 10_000;

const log = createLogger({ service: "test", write: () => {} });
const outage = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function startOne(database: Database, model: FakeOpenAi) {
  const env: Record<string, string> = {
    WORKER_PORT: "0",
    ANALYSER: "openai",
    OPENAI_BASE_URL: model.url,
    ...IMPATIENT,
  };
  const config = loadConfig({ env: (name) => env[name] });
  return startWorker({
    config,
    version: "0",
    database,
    queue: openMemoryQueue(log),
    cache: openMemoryCache(60),
    analyser: createOpenAiAnalyser(config),
    log,
  });
}

const slowly = (say: Say): Say => async (asked, at) => {
  await outage(50);
  return await say(asked, at);
};

for (
  const [what, reason, away] of [
    ["answers 503", "outage", () => new Response("", { status: 503 })],
    [
      "asks for pauses of two seconds",
      "rate",
      () => complaint(429, { message: "Rate limit reached" }, { "retry-after": "2" }),
    ],
    ["refuses the key", "credentials", () => complaint(401, { message: "Incorrect API key provided" })],
    ["refuses connections", "outage", undefined],
  ] as const
) {
  testOnDatabases(
    `a model that ${what} costs no thought an attempt, and work resumes after it`,
    async (database) => {
      await database.query("delete from model_gates");
      let model = startFakeOpenAi(away === undefined ? undefined : slowly(away));
      const { port } = model;
      if (away === undefined) await model[Symbol.asyncDispose]();
      const store = createStore(database);
      await using workers = new AsyncDisposableStack();
      const [one, other] = [startOne(database, model), startOne(database, model)].map((w) => workers.use(w));
      try {
        const ids = Array.from({ length: 20 }, (_, at) => aThought({ text: `Thought ${at}` }));
        await store.insert(ids);
        const statuses = async () =>
          new Map((await database.query<{ status: string; count: number }>(
            "select status, count(*)::int as count from thoughts group by status",
          )).map(({ status, count }) => [status, count]));

        const degraded = async (url: string) => {
          const response = await fetch(`${url}/health/ready`);
          const { model } = await response.json();
          return response.status === 200 && model.status === "degraded" && model.reason === reason &&
            model.since;
        };
        for (const { url } of [one!, other!]) await waitFor("a worker that says so", () => degraded(url));
        await outage(OUTAGE_MS);
        assert.equal((await statuses()).get("failed") ?? 0, 0);

        if (away === undefined) model = startFakeOpenAi(slowly(() => completion()), { port });
        else model.say(slowly(() => completion()));
        const slack = reason === "credentials" ? 3 * RETURN_MS : RETURN_MS; // where a person must act, it is asked less often
        await waitFor("work to go on", async () => ((await statuses()).get("completed") ?? 0) > 0, {
          timeoutMs: slack,
          describe: () => model.asked.length,
        });
        await waitFor("all to be completed", async () => (await statuses()).get("completed") === ids.length);
        const [row] = await database.query<{ charged: number }>(
          "select max(attempts - attempts_forgiven) as charged from thoughts",
        );
        assert.equal(row!.charged, 1, "the attempt that succeeded, and no other");
        for (const { url } of [one!, other!]) {
          await waitFor("a worker that is well again", async () => {
            const { model } = await (await fetch(`${url}/health/ready`)).json();
            return model.status === "up";
          });
        }
      } finally {
        await model[Symbol.asyncDispose]();
      }
    },
  );
}

testOnServices(
  "on real services, three workers lose nothing to a model that is unavailable for 17 s under load",
  async (services) => {
    await using database = await freshDatabase(services.databaseUrl);
    let away = false;
    await using model = startFakeOpenAi(
      slowly(() => away ? new Response("", { status: 503 }) : completion()),
    );
    const env = {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: services.kafkaBrokers,
      REDIS_URL: services.redisUrl,
      API_PORT: "0",
      WORKER_PORT: "0",
      ANALYSER: "openai",
      OPENAI_BASE_URL: model.url,
      ...IMPATIENT,
    };
    await using processes = new AsyncDisposableStack();
    const begin = (set: string, program: string) =>
      processes.use(startProcess({ args: ["--no-prompt", `-P=${set}`, program], env }));
    const api = begin("api", "api/main.ts");
    const workers = Array.from({ length: 3 }, () => begin("worker", "worker/main.ts"));
    const url = await loggedUrl(api, "url");
    await Promise.all(workers.map((worker) => loggedUrl(worker, "metrics")));

    const run = crypto.randomUUID();
    let posted = 0;
    const post = async (count: number) => {
      for (let at = 0; at < count; at++, posted++) {
        const response = await fetch(`${url}/thoughts`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ user_id: `user ${posted % 7}`, text: `Thought ${posted} of ${run}` }),
        });
        assert.equal(response.status, 201);
        await response.body?.cancel();
      }
    };
    await using rows = openPostgres({ url: database.url, poolSize: 1 });
    const count = async (status: string) =>
      (await rows.query<{ count: number }>("select count(*)::int as count from thoughts where status = $1", [
        status,
      ]))[0]!.count;

    await post(60);
    await waitFor("the first completions", async () => await count("completed") > 10, { timeoutMs: 60_000 });
    away = true;
    const until = Date.now() + 17_000;
    while (Date.now() < until) {
      await post(5);
      await outage(500);
    }
    const during = await count("completed");
    away = false;
    await waitFor("work to go on", async () => await count("completed") > during, { timeoutMs: RETURN_MS });
    await waitFor("all to be completed", async () => await count("completed") === posted, {
      timeoutMs: 60_000,
    });
    assert.equal(await count("failed"), 0);
    const asked = model.asked.length;
    assert.ok(
      asked < posted + 150,
      `${asked} requests for ${posted} thoughts: the endpoint was not left alone`,
    );
  },
);
