/** Rates and budget over many workers, on each kind of database. */
import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import type { Database } from "./database.ts";
import { bucketOf, createModelFlow, type FlowLimits } from "./model_flow.ts";

let made = 0;
const flowOf = (database: Database, limits: FlowLimits, model = `flow-${made++}`) =>
  createModelFlow(database, "p", model, limits);
const freshDay = (database: Database) => database.query("delete from model_spend");
const SHARE = { tokens: 100, usd: 0.01 };

testOnDatabases("without limits a lease is as large as is asked for", async (database) => {
  const lease = await flowOf(database, {}).lease(50, SHARE);
  assert.deepEqual([lease.count, lease.rateWaitMs, lease.budget], [50, 0, "enough"]);
  assert.match(lease.day, /^\d{4}-\d{2}-\d{2}$/);
});

testOnDatabases("workers that lease at once never reserve more than the day's budget", async (database) => {
  await freshDay(database);
  const model = `flow-${made++}`;
  const workers = Array.from({ length: 8 }, () => flowOf(database, { usdPerDay: 1 }, model));
  const leases = await Promise.all(
    Array.from({ length: 64 }, (_, at) => workers[at % workers.length]!.lease(3, SHARE)),
  );
  const begun = leases.reduce((sum, { count }) => sum + count, 0);
  assert.equal(begun, 100, "all of the budget, and not a cent more");
  assert.ok(Math.abs((await workers[0]!.today()).reservedUsd - 1) < 1e-9);
  assert.equal((await workers[1]!.lease(1, SHARE)).budget, "promised");
});

testOnDatabases("what an analysis did not cost is there for the next one", async (database) => {
  await freshDay(database);
  const flow = flowOf(database, { usdPerDay: 0.02 });
  const { count, day } = await flow.lease(2, SHARE);
  assert.equal(count, 2);
  await flow.settle({ day, requestsBack: 0, tokensBack: 0, usdBack: 0.018, usdSpent: 0.002 });
  const spend = await flow.today();
  assert.ok(Math.abs(spend.spentUsd - 0.002) < 1e-9 && Math.abs(spend.reservedUsd - 0.002) < 1e-9);
  assert.equal((await flow.lease(2, SHARE)).count, 1);
  await flow.settle({ day, requestsBack: 0, tokensBack: 0, usdBack: 0, usdSpent: 0.009 });
  assert.equal((await flow.lease(2, SHARE)).budget, "spent");
});

testOnDatabases("the budget is one over all models", async (database) => {
  await freshDay(database);
  assert.equal((await flowOf(database, { usdPerDay: 0.01 }).lease(5, SHARE)).count, 1);
  assert.equal((await flowOf(database, { usdPerDay: 0.01 }).lease(5, SHARE)).budget, "promised");
});

testOnDatabases(
  "another day has its own budget; a late bill goes to the day it was reserved on",
  async (database) => {
    await freshDay(database);
    const flow = flowOf(database, { usdPerDay: 0.01 });
    await database.query("insert into model_spend values ((now() at time zone 'utc')::date - 1, 0.01, 0)");
    assert.equal((await flow.lease(1, SHARE)).count, 1, "yesterday's is spent, today's is not");
    const [yesterday] = await database.query<{ day: string }>(
      "select to_char((now() at time zone 'utc')::date - 1, 'YYYY-MM-DD') as day",
    );
    await flow.settle({
      day: yesterday!.day,
      requestsBack: 0,
      tokensBack: 0,
      usdBack: 0.005,
      usdSpent: 0.005,
    });
    const { spentUsd, reservedUsd } = await flow.today();
    assert.deepEqual([spentUsd, reservedUsd], [0, 0.01]);
  },
);

testOnDatabases(
  "requests flow at their rate over all workers, and say how long the next one waits",
  async (database) => {
    const model = `flow-${made++}`;
    const workers = Array.from({ length: 3 }, () => flowOf(database, { requestsPerMinute: 600 }, model));
    const first = await Promise.all(workers.map((worker) => worker.lease(100, SHARE)));
    const begun = first.reduce((sum, { count }) => sum + count, 0);
    assert.ok(begun >= 10 && begun <= 12, `a second's worth, not ${begun}`);
    const { count, rateWaitMs } = await workers[0]!.lease(1, SHARE);
    assert.ok(count === 1 || (rateWaitMs > 0 && rateWaitMs < 200), String(rateWaitMs));
  },
);

testOnDatabases("a rate of one a minute lets one through, then none", async (database) => {
  const flow = flowOf(database, { requestsPerMinute: 1 });
  assert.equal((await flow.lease(5, SHARE)).count, 1);
  const { count, rateWaitMs } = await flow.lease(5, SHARE);
  assert.equal(count, 0);
  assert.ok(rateWaitMs > 55_000 && rateWaitMs < 65_000, String(rateWaitMs));
});

testOnDatabases("tokens used beyond the estimate are owed, those not used come back", async (database) => {
  const flow = flowOf(database, { tokensPerMinute: 60_000 });
  const { count, day } = await flow.lease(100, SHARE);
  assert.equal(count, 10, "1,000 tokens a second, 100 each");
  assert.equal((await flow.lease(5, SHARE)).count, 0);
  await flow.settle({ day, requestsBack: 0, tokensBack: 500, usdBack: 0, usdSpent: 0 });
  assert.ok((await flow.lease(9, SHARE)).count >= 5);
  await flow.settle({ day, requestsBack: 0, tokensBack: -30_000, usdBack: 0, usdSpent: 0 });
  const { count: none, rateWaitMs } = await flow.lease(1, SHARE);
  assert.equal(none, 0);
  assert.ok(rateWaitMs > 20_000, String(rateWaitMs));
});

testOnDatabases(
  "an analysis that needs more tokens than a minute has takes the whole minute",
  async (database) => {
    const flow = flowOf(database, { tokensPerMinute: 50 });
    assert.equal((await flow.lease(3, SHARE)).count, 1);
    assert.equal((await flow.lease(3, SHARE)).count, 0);
  },
);

Deno.test("no minute sees more than its limit, whatever the limit", () => {
  for (const perMinute of [1, 2, 7, 59, 60, 61, 600, 10_000]) {
    const { size, perSecond } = bucketOf(perMinute, 1);
    // A full bucket, and what flows in until the last begins; a lease may be used two seconds after it was made.
    const most = Math.floor(size - 1 + perSecond * 62 - 1e-9) + 1;
    assert.ok(most <= perMinute, `${perMinute}: ${most}`);
    assert.ok(perSecond * 60 >= 0.9 * perMinute, `${perMinute} is hardly used: ${perSecond * 60}`);
  }
});
