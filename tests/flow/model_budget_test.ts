/** A day's budget, through real workers: beyond it thoughts wait, and say so; none fails, and nothing is overspent. */
import assert from "node:assert/strict";
import { openMemoryCache } from "../../core/cache/memory.ts";
import { loadConfig } from "../../core/config.ts";
import { openMemoryQueue } from "../../core/queue/memory.ts";
import { createStore } from "../../core/store/thoughts.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { createOpenAiAnalyser } from "../../worker/analysers/openai.ts";
import { startWorker } from "../../worker/worker.ts";
import { testOnDatabases } from "../support/databases.ts";
import { completion, startFakeOpenAi } from "../support/fake_openai.ts";
import { aThought } from "../support/thoughts.ts";
import { waitFor } from "../support/wait.ts";

const log = createLogger({ service: "test", write: () => {} });
/** At gpt-4.1-mini's price 0.0014 USD. */
const USAGE = { prompt_tokens: 3_000, completion_tokens: 125 };
const COST = (3_000 * 0.4 + 125 * 1.6) / 1e6;
const BUDGET = 0.02;

testOnDatabases(
  "two workers spend a day's budget and not more; the other thoughts wait",
  async (database) => {
    await database.query("delete from model_gates");
    await database.query("delete from model_spend");
    await using model = startFakeOpenAi(() => completion(undefined, { usage: USAGE }));
    await using workers = new AsyncDisposableStack();
    const [one, other] = [0, 0].map(() => {
      const env: Record<string, string> = {
        WORKER_PORT: "0",
        ANALYSER: "openai",
        OPENAI_BASE_URL: model.url,
        ANALYSER_USD_PER_DAY: String(BUDGET),
      };
      const config = loadConfig({ env: (name) => env[name] });
      return workers.use(startWorker({
        config,
        version: "0",
        database,
        queue: openMemoryQueue(log),
        cache: openMemoryCache(60),
        analyser: createOpenAiAnalyser(config),
        log,
      }));
    });
    await createStore(database).insert(
      Array.from({ length: 40 }, (_, at) => aThought({ text: `Thought ${at}` })),
    );

    for (const { url } of [one!, other!]) {
      await waitFor("a worker whose budget is spent", async () => {
        const response = await fetch(`${url}/health/ready`);
        const { model } = await response.json();
        return response.status === 200 && model.status === "degraded" && model.reason === "budget";
      });
    }
    const spent = model.asked.length * COST;
    assert.ok(spent <= BUDGET, `${spent} of ${BUDGET}`);
    assert.ok(spent > BUDGET / 2, `given up too early: ${spent} of ${BUDGET}`);
    const statuses = await database.query<{ status: string }>("select distinct status from thoughts");
    assert.ok(!statuses.some(({ status }) => status === "failed"));
    await waitFor("the spending to be known", async () => {
      const text = await (await fetch(`${one!.url}/metrics`)).text();
      const shown = Number(/^batch_processor_model_spent_today_usd (\S+)$/m.exec(text)?.[1]);
      return Math.abs(shown - spent) < 1e-9;
    });

    await database.query("update model_spend set day = day - 1"); // as at midnight
    await waitFor("work to go on the next day", () => model.asked.length > Math.round(spent / COST));
  },
);
