import assert from "node:assert/strict";
import { openMemoryCache } from "../core/cache/memory.ts";
import { createRetention } from "../core/store/retention.ts";
import { createStore } from "../core/store/thoughts.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { aResult, aThought } from "../tests/support/thoughts.ts";
import { waitFor } from "../tests/support/wait.ts";
import { createNoneAnalyser } from "./analysers/none.ts";
import { createAnalysisCache } from "./analysis_cache.ts";
import { runRetention } from "./retention.ts";

const log = createLogger({ service: "test", write: () => {} });

testOnDatabase(
  "what is past its time goes, and the analysis of a forgotten thought leaves the cache",
  async (database) => {
    const metrics = createMetrics("worker", "1");
    const retention = createRetention(database);
    const [old, secret] = [aThought(), aThought({ userId: "eve", text: "A secret" })];
    await createStore(database).insert([old, secret]);
    await database.query(
      `update thoughts set id = ('01800000' || substr(id::text, 9))::uuid, status = 'completed', result = '{}',
      finished_at = now() - interval '9 days' where id = $1::text::uuid`,
      [old.id],
    );
    await using memory = openMemoryCache(60);
    const cache = createAnalysisCache(memory, createNoneAnalyser());
    const key = cache.key(secret);
    await cache.remember(new Map([[key, { result: JSON.stringify(aResult()) }]]));
    await retention.forget("eve");

    const stop = new AbortController();
    const running = runRetention({
      retention,
      periods: { completedDays: 8, failedDays: 0, idempotencyKeyDays: 0 },
      cache,
      metrics,
      log,
      signal: stop.signal,
      analysisMs: 60_000,
      leads: () => true,
    });
    await waitFor("the eviction", async () => (await cache.find([key]))[0] === undefined);
    await waitFor(
      "the old thought to go",
      async () => (await database.query("select id from thoughts")).length === 0,
    );
    await waitFor(
      "the count",
      async () => /pruned_total\{kind="completed"\} 1/.test((await metrics.expose()).body),
    );
    assert.match((await metrics.expose()).body, /retention_overdue_seconds 0/);
    stop.abort();
    await running;
  },
);

testOnDatabase(
  "a deletion that fails is overdue, and it is unknown how long while the store cannot be read",
  async (database) => {
    const metrics = createMetrics("worker", "1");
    const old = aThought();
    await createStore(database).insert([old]);
    await database.query(
      `update thoughts set id = ('01800000' || substr(id::text, 9))::uuid, status = 'completed', result = '{}',
    finished_at = now() - interval '9 days' where id = $1::text::uuid`,
      [old.id],
    );
    await database.query("alter table cache_evictions rename to cache_evictions_away");
    await database.query("alter table webhook_deliveries rename to webhook_deliveries_away");
    await using memory = openMemoryCache(60);
    const stop = new AbortController();
    const running = runRetention({
      retention: createRetention(database),
      periods: { completedDays: 8, failedDays: 0, idempotencyKeyDays: 0 },
      cache: createAnalysisCache(memory, createNoneAnalyser()),
      metrics,
      log,
      signal: stop.signal,
      analysisMs: 60_000,
      leads: () => true,
    });
    const overdueS = async () => /retention_overdue_seconds (\d+)/.exec((await metrics.expose()).body)?.[1];
    await waitFor("a day, in seconds", async () => Number(await overdueS()) >= 86_400);
    await database.query("alter table thoughts rename to thoughts_away");
    await waitFor("no sample", async () => await overdueS() === undefined);
    stop.abort();
    await running;
  },
);
