/**
 * A worker with a slow, failing or odd analyser: no user waits for another, no thought fails for another's
 * fault.
 */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import { openMemoryCache } from "../core/cache/memory.ts";
import { loadConfig } from "../core/config.ts";
import { openMemoryQueue } from "../core/queue/memory.ts";
import type { Database } from "../core/store/database.ts";
import { createStore, type Insertion } from "../core/store/thoughts.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { aResult, aThought } from "../tests/support/thoughts.ts";
import { waitFor } from "../tests/support/wait.ts";
import { type Analyser, AnalysisError } from "./analysers/analyser.ts";
import { startWorker, type Worker } from "./worker.ts";

const log = createLogger({ service: "test", write: () => {} });
const LANES = 8;

interface Subject {
  readonly worker: Worker;
  /** The most analyses that ran at once. */
  readonly most: () => number;
}

/** A worker whose model takes as long as `analyse` does, with eight lanes. */
function start(
  database: Database,
  analyse: (text: string, signal: AbortSignal) => Promise<void>,
  usage?: unknown,
): Subject {
  let [underWay, most] = [0, 0];
  const analyser: Analyser = {
    name: "model",
    version: crypto.randomUUID(),
    batchSize: LANES,
    concurrency: LANES,
    async analyse({ text }, signal) {
      most = Math.max(most, ++underWay);
      try {
        await analyse(text, signal);
        return { result: aResult(text), ...(usage === undefined ? {} : { usage: usage as never }) };
      } finally {
        underWay--;
      }
    },
  };
  const env: Record<string, string> = {
    WORKER_PORT: "0",
    RETRY_FIRST_MS: "10",
    ANALYSER_TIMEOUT_MS: "60000",
  };
  const worker = startWorker({
    config: loadConfig({ env: (name) => env[name] }),
    version: "0",
    database,
    queue: openMemoryQueue(log),
    cache: openMemoryCache(60),
    analyser,
    log,
  });
  return { worker, most: () => most };
}

const many = (count: number, of: Partial<Insertion> = {}) =>
  Array.from({ length: count }, (_, at) => aThought({ text: `${of.userId ?? "ada"} ${at}`, ...of }));

async function count(database: Database, status: string, userId = "%"): Promise<number> {
  const [row] = await database.query<{ n: number }>(
    "select count(*)::int as n from thoughts where status = $1 and user_id like $2",
    [status, userId],
  );
  return row!.n;
}

testOnDatabase(
  "no more analyses are under way than there are lanes, and no fewer while anything waits",
  async (database) => {
    const { worker, most } = start(database, () => pause(50).then(() => {}));
    await using _worker = worker;
    await createStore(database).insert(many(60));
    await waitFor("all of them", async () => await count(database, "completed") === 60);
    assert.equal(most(), LANES);
  },
);

testOnDatabase("one slow call keeps one lane, not the others", async (database) => {
  const { promise: told, resolve: end } = Promise.withResolvers<void>();
  const { worker } = start(database, (text) => text === "slow" ? told : pause(20).then(() => {}));
  await using _worker = worker;
  await createStore(database).insert([aThought({ text: "slow" }), ...many(29)]);
  await waitFor("the other 29", async () => await count(database, "completed") === 29);
  assert.equal(await count(database, "processing"), 1);
  end();
});

testOnDatabase(
  "twelve users with a thought each do not wait behind one with four hundred",
  async (database) => {
    const { worker } = start(database, () => pause(100).then(() => {}));
    await using _worker = worker;
    const store = createStore(database);
    await store.insert(many(400, { userId: "greedy" }));
    await waitFor("some of the four hundred", async () => await count(database, "completed") > 16);
    await store.insert(
      Array.from({ length: 12 }, (_, at) => aThought({ userId: `one ${at}`, text: `one ${at}` })),
    );
    await waitFor("the twelve", async () => await count(database, "completed", "one%") === 12);
    const greedy = await count(database, "completed", "greedy");
    assert.ok(greedy < 200, `${greedy} of the four hundred were before them`);
  },
);

testOnDatabase("an absent model charges nothing, however often it is asked", async (database) => {
  let asked = 0;
  const { worker } = start(database, () => {
    if (asked++ < 60) throw new AnalysisError("The model is unavailable", { kind: "unavailable" });
    return Promise.resolve();
  });
  await using _worker = worker;
  await createStore(database).insert(many(5));
  await waitFor("all of them, in the end", async () => await count(database, "completed") === 5);
  assert.equal(await count(database, "failed"), 0);
});

testOnDatabase("a refused thought fails at once, beside others that do not", async (database) => {
  let refusals = 0;
  const { worker } = start(database, (text) => {
    if (text !== "bad") return Promise.resolve();
    refusals++;
    throw new AnalysisError("Refused: content filter", { kind: "refused" });
  });
  await using _worker = worker;
  const bad = aThought({ text: "bad" });
  await createStore(database).insert([bad, ...many(5)]);
  await waitFor(
    "all of them",
    async () => await count(database, "completed") + await count(database, "failed") === 6,
  );
  const { status, error } = (await createStore(database).get(bad.id))!;
  assert.deepEqual([status, error, refusals], ["failed", "Refused: content filter", 1]);
});

for (const inputTokens of [Infinity, "99999", -100, 1.5, null]) {
  testOnDatabase(
    `usage of ${
      JSON.stringify(inputTokens) ?? inputTokens
    } (${inputTokens}) tokens is unknown, and fails nothing`,
    async (database) => {
      const usage = { provider: "p", model: "m", inputTokens, outputTokens: 1, costUsd: 0.1 };
      const { worker } = start(database, () => Promise.resolve(), usage);
      await using _worker = worker;
      await createStore(database).insert(many(8));
      await waitFor("all of them", async () => await count(database, "completed") === 8);
      const exposed = await (await fetch(`${worker.url}/metrics`)).text();
      assert.doesNotMatch(exposed, /batch_processor_tokens_total{/);
    },
  );
}

testOnDatabase(
  "a stop under calls that never end is over in time, and charges none of them",
  async (database) => {
    const { worker } = start(
      database,
      (_text, signal) =>
        new Promise((_resolve, reject) =>
          signal.addEventListener("abort", () => reject(signal.reason), { once: true })
        ),
    );
    await createStore(database).insert(many(10));
    await waitFor("the lanes to be full", async () => await count(database, "processing") === LANES);
    const startedAt = performance.now();
    await worker[Symbol.asyncDispose]();
    assert.ok(performance.now() - startedAt < 22_000, `${performance.now() - startedAt} ms`);
    const rows = await database.query<{ status: string; charged: number; announced: boolean }>(
      "select status, attempts - attempts_forgiven as charged, exists (select from outbox where thought_id = id) as announced " +
        "from thoughts where attempts > 0",
    );
    assert.equal(rows.length, LANES);
    for (const row of rows) assert.deepEqual({ ...row }, { status: "pending", charged: 0, announced: true });
  },
);

testOnDatabase("thoughts of a process that ended are tried alone, one after the other", async (database) => {
  await createStore(database).insert(many(6));
  // As if a worker had been killed with all of them.
  await database.query(
    "update thoughts set status = 'processing', attempts = 1, claimed_until = now() - interval '1 minute'",
  );
  await database.query("delete from outbox");
  const { worker, most } = start(database, () => pause(30).then(() => {}));
  await using _worker = worker;
  await waitFor("all of them", async () => await count(database, "completed") === 6, { timeoutMs: 60_000 });
  assert.equal(most(), 1);
  const [row] = await database.query<{ charged: number }>(
    "select max(attempts - attempts_forgiven) as charged from thoughts",
  );
  assert.equal(row!.charged, 1);
});
