import assert from "node:assert/strict";
import { loadConfig } from "../core/config.ts";
import type { Database } from "../core/store/database.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { openMemoryCache } from "../core/cache/memory.ts";
import { openMemoryQueue } from "../core/queue/memory.ts";
import { type Queue, type Subscription } from "../core/queue/queue.ts";
import { createStore } from "../core/store/thoughts.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { aResult, aThought } from "../tests/support/thoughts.ts";
import { waitFor } from "../tests/support/wait.ts";
import type { Analyser } from "./analysers/analyser.ts";
import { createLocalAnalyser } from "./analysers/local.ts";
import { startWorker, type Worker } from "./worker.ts";

const log = createLogger({ service: "test", write: () => {} });

/** A worker as `deno task dev` runs it, on a free port. */
function start(
  database: Database,
  { queue = openMemoryQueue(log), analyser = createLocalAnalyser(), port = "0" }: {
    queue?: Queue;
    analyser?: Analyser;
    port?: string;
  } = {},
): Worker {
  const env: Record<string, string> = { WORKER_PORT: port };
  const config = loadConfig({ env: (name) => env[name] });
  return startWorker({ config, version: "0", database, queue, cache: openMemoryCache(60), analyser, log });
}

/** The memory queue with a replaced `subscribe`. */
const queueWith = (
  subscribe: (queue: Queue, ...rest: Parameters<Queue["subscribe"]>) => Promise<Subscription>,
): Queue => {
  const queue = openMemoryQueue(log);
  return { ...queue, subscribe: (...given) => subscribe(queue, ...given) };
};

testOnDatabase(
  "a worker sends, receives and completes what was stored, and says how it is",
  async (database) => {
    const store = createStore(database);
    const thought = aThought();
    await store.insert([thought]);
    await using worker = start(database);
    await waitFor(
      "the thought's completion",
      async () => (await store.get(thought.id))!.status === "completed",
    );
    const health = await (await fetch(`${worker.url}/health/ready`)).json();
    assert.deepEqual([health.status, Object.keys(health.dependencies)], ["up", [
      "database",
      "queue",
      "cache",
    ]]);
    assert.match(await (await fetch(`${worker.url}/metrics`)).text(), /^batch_processor_active_workers 1$/m);
  },
);

testOnDatabase("one of two workers counts what waits, and both show it", async (database) => {
  const away = queueWith(() => Promise.reject(new Error("no Kafka"))); // so that everything goes on waiting
  const counts = [0, 0];
  const workers = counts.map((_, index) =>
    start({
      ...database,
      read(sql, parameters) {
        if (/count\(\*\) from outbox/.test(sql)) counts[index]!++;
        return database.read(sql, parameters);
      },
    }, { queue: away })
  );
  await using _both = {
    [Symbol.asyncDispose]: async () =>
      void await Promise.all(workers.map((one) => one[Symbol.asyncDispose]())),
  };
  const bothShow = (size: number) =>
    waitFor(`both to show ${size}`, async () => {
      const pages = await Promise.all(
        workers.map(async ({ url }) => await (await fetch(`${url}/metrics`)).text()),
      );
      return pages.every((page) => page.includes(`batch_processor_queue_size ${size}\n`));
    });
  await createStore(database).insert([aThought(), aThought()]);
  await bothShow(2);
  const before = [...counts];
  await createStore(database).insert([aThought()]);
  await bothShow(3);
  assert.equal(
    counts.filter((count, index) => count > before[index]!).length,
    1,
    `${before}, then ${counts}`,
  );
});

testOnDatabase("a worker told to stop finishes what it holds, and then stops listening", async (database) => {
  const store = createStore(database);
  const begun = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const analyser: Analyser = {
    name: "test",
    version: "1",
    batchSize: 10,
    concurrency: 1,
    async analyse() {
      begun.resolve();
      await answer.promise;
      return { result: aResult() };
    },
  };
  const thought = aThought();
  await store.insert([thought]);
  const worker = start(database, { analyser });
  await begun.promise;
  const stopped = worker[Symbol.asyncDispose]();
  answer.resolve();
  await stopped;
  assert.equal((await store.get(thought.id))!.status, "completed");
  await assert.rejects(fetch(`${worker.url}/health/live`));
});

testOnDatabase("a worker stopped while it joins its group leaves it again", async (database) => {
  const joining = Promise.withResolvers<void>();
  const joined = Promise.withResolvers<void>();
  let subscription: Subscription | undefined;
  const queue = queueWith(async (queue, ...given) => {
    joining.resolve();
    await joined.promise;
    return subscription = await queue.subscribe(...given);
  });
  const worker = start(database, { queue });
  await joining.promise;
  const stopped = worker[Symbol.asyncDispose]();
  joined.resolve();
  await stopped;
  assert.equal(subscription!.active(), false);
});

testOnDatabase("a worker that can't join yet tries again, inactive and alive meanwhile", async (database) => {
  let away = true;
  const queue = queueWith((queue, ...given) =>
    away ? Promise.reject(new Error("no Kafka")) : queue.subscribe(...given)
  );
  await using worker = start(database, { queue });
  const active = async () =>
    /^batch_processor_active_workers 1$/m.test(await (await fetch(`${worker.url}/metrics`)).text());
  assert.equal(await active(), false);
  assert.equal((await fetch(`${worker.url}/health/live`)).status, 200);
  away = false;
  await waitFor("it to be active", active);
});

testOnDatabase("a worker whose consumer dies for good has failed", async (database) => {
  const queue = queueWith(async (queue, ...given) => ({
    ...await queue.subscribe(...given),
    failed: Promise.reject(new Error("the consumer died")),
  }));
  await using worker = start(database, { queue });
  await assert.rejects(worker.failed, /the consumer died/);
});

testOnDatabase(
  "a port that is taken is named with its setting, and nothing has started",
  async (database) => {
    await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response());
    const { port } = other.addr;
    let subscribed = false;
    const queue = queueWith((queue, ...given) => {
      subscribed = true;
      return queue.subscribe(...given);
    });
    assert.throws(
      () => start(database, { queue, port: String(port) }),
      new RegExp(
        `Cannot listen on 127\\.0\\.0\\.1:${port}: the port is taken\\. Stop the other program or set WORKER_PORT`,
      ),
    );
    assert.equal(subscribed, false);
  },
);
