/** The gate as a worker uses it; several on one database are several workers. */
import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import { waitFor } from "../../tests/support/wait.ts";
import type { Database } from "../../core/store/database.ts";
import { createModelFlow, type FlowLimits } from "../../core/store/model_flow.ts";
import { createModelGates } from "../../core/store/model_gates.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { createMetrics } from "../../core/telemetry/metrics.ts";
import type { Ending, Gate } from "../gate.ts";
import { createModelGate } from "./model_gate.ts";

const patient = new AbortController().signal;
const log = createLogger({ service: "test", write: () => {} });
let made = 0;

interface Options extends FlowLimits {
  readonly lanes?: number;
  readonly mostUsd?: number;
}

/** Gates of several workers before one model that no other test uses. */
function openGates(database: Database, workers: number, options: Options = {}) {
  const { lanes = 8, mostUsd = 0, ...limits } = options;
  const model = { provider: "p", name: `gate-${made++}`, typicalTokens: 100, mostUsd, priced: true };
  const gates = Array.from({ length: workers }, () => {
    const metrics = createMetrics("worker", "0");
    const gate = createModelGate({
      model,
      gates: createModelGates(database, "p", model.name),
      flow: createModelFlow(database, "p", model.name, limits),
      limits,
      lanes,
      metrics,
      log,
    });
    return { gate, metrics };
  });
  return {
    gates: gates.map(({ gate }) => gate),
    metrics: gates.map(({ metrics }) => metrics),
    async [Symbol.asyncDispose]() {
      for (const { gate } of gates) await gate[Symbol.asyncDispose]();
    },
  };
}

const outage: Ending = { kind: "unavailable", scope: "outage", reason: "HTTP 503" };
const rate = (retryAfterMs?: number): Ending => ({
  kind: "unavailable",
  scope: "rate",
  retryAfterMs,
  reason: "HTTP 429",
});
const times = (count: number, gate: Gate, ending: Ending) => {
  for (let at = 0; at < count; at++) gate.report(ending);
};
const closedFor = (gate: Gate, reason: string) =>
  waitFor(`a gate closed for ${reason}`, () => gate.state().reason === reason, {
    describe: () => gate.state(),
  });
const opened = (gate: Gate) =>
  waitFor("an open gate", () => gate.state().status === "open", { describe: () => gate.state() });
const later = (ms: number) => AbortSignal.timeout(ms);

testOnDatabases("an open gate lets everything through", async (database) => {
  await using workers = openGates(database, 1);
  const [gate] = workers.gates;
  assert.equal(await gate!.enter(1_000, patient), 1_000);
  assert.deepEqual(gate!.state(), {
    status: "open",
    reason: null,
    since: null,
    blockedUntil: null,
    limit: 8,
  });
  assert.equal(await gate!.enter(1, AbortSignal.abort()), 0);
});

testOnDatabases(
  "one failure among successes closes nothing, three in a row close it for every worker",
  async (database) => {
    await using workers = openGates(database, 2);
    const [one, other] = workers.gates as [Gate, Gate];
    for (const ending of [outage, outage, { kind: "ok" } as const, outage, outage]) one.report(ending);
    assert.equal(one.state().status, "open");
    const before = Date.now();
    one.report(outage);
    assert.equal(one.state().reason, "outage", "at once where it was seen");
    await closedFor(other, "outage");
    const { since } = other.state();
    assert.ok(since !== null && Math.abs(since - before) < 10_000, "since when is known to all");
    assert.match(
      (await workers.metrics[0]!.expose()).body,
      /^batch_processor_analyses_total\{outcome="outage"\} 5$/m,
    );
  },
);

testOnDatabases("timeouts close it like refused connections", async (database) => {
  await using workers = openGates(database, 1);
  times(3, workers.gates[0]!, { kind: "timeout" });
  assert.equal(workers.gates[0]!.state().reason, "outage");
});

testOnDatabases(
  "a closed gate lets one probe through, of all workers; its success opens it for all",
  async (database) => {
    await using workers = openGates(database, 3);
    const [one, other, third] = workers.gates as [Gate, Gate, Gate];
    times(3, one, outage);
    await closedFor(other, "outage");
    await closedFor(third, "outage");
    const entries = workers.gates.map((gate) => ({ gate, entered: gate.enter(8, later(4_000)) }));
    const first = await Promise.race(
      entries.map(async ({ gate, entered }) => ({ gate, count: await entered })),
    );
    assert.equal(first.count, 1);
    assert.equal(first.gate.state().status, "probing");
    first.gate.report({ kind: "ok" });
    await Promise.all(workers.gates.map(opened));
    const others = await Promise.all(
      entries.filter(({ gate }) => gate !== first.gate).map(({ entered }) => entered),
    );
    assert.deepEqual(others, [8, 8], "a waiting caller continues");
  },
);

testOnDatabases("others that wait at the same gate take nothing from its probe", async (database) => {
  await using workers = openGates(database, 1);
  const [gate] = workers.gates as [Gate];
  times(3, gate, outage);
  const waiting = Array.from({ length: 4 }, () => gate.enter(8, later(10_000)));
  const first = await Promise.race(waiting);
  assert.equal(first, 1);
  await new Promise((resolve) => setTimeout(resolve, 1_200)); // the others have looked again meanwhile
  gate.report({ kind: "ok" });
  assert.deepEqual((await Promise.all(waiting)).toSorted(), [1, 8, 8, 8]);
});

testOnDatabases(
  "after a failed probe another follows within seconds, from whichever worker comes first",
  async (database) => {
    await using workers = openGates(database, 2);
    const [one, other] = workers.gates as [Gate, Gate];
    times(3, one, outage);
    await closedFor(other, "outage");
    assert.equal(await one.enter(8, later(5_000)), 1);
    one.report(outage);
    assert.equal(await other.enter(8, later(5_000)), 1);
    other.report({ kind: "refused" });
    await opened(one); // an endpoint that refuses a thought is up
  },
);

testOnDatabases("a probe that nobody used is there for the next", async (database) => {
  await using workers = openGates(database, 1);
  const [gate] = workers.gates as [Gate];
  times(3, gate, outage);
  assert.equal(await gate.enter(8, later(5_000)), 1);
  gate.giveBack(1);
  assert.equal(await gate.enter(8, later(3_000)), 1);
});

testOnDatabases("a success from before the closure opens nothing", async (database) => {
  await using workers = openGates(database, 1);
  const [gate] = workers.gates as [Gate];
  times(3, gate, outage);
  gate.report({ kind: "ok" });
  await closedFor(gate, "outage");
  assert.equal(gate.state().status, "closed");
});

for (const scope of ["quota", "credentials"] as const) {
  testOnDatabases(`${scope} closes it at once, for a reason of its own`, async (database) => {
    await using workers = openGates(database, 2);
    for (const gate of workers.gates) gate.giveBack(await gate.enter(1, patient)); // they have started

    workers.gates[0]!.report({ kind: "unavailable", scope, reason: "HTTP 401" });
    await closedFor(workers.gates[1]!, scope);
    const { blockedUntil } = workers.gates[1]!.state();
    assert.ok(blockedUntil! > Date.now() + 5_000, "a person has to help: it is asked less often");
  });
}

testOnDatabases(
  "a worker that starts lets a refused key be tried at once: it may have another",
  async (database) => {
    const model = { provider: "p", name: `gate-${made++}`, typicalTokens: 1, mostUsd: 0, priced: false };
    const start = () =>
      createModelGate({
        model,
        gates: createModelGates(database, "p", model.name),
        flow: createModelFlow(database, "p", model.name, {}),
        limits: {},
        lanes: 8,
        metrics: createMetrics("worker", "0"),
        log,
      });
    {
      await using before = start();
      before.report({ kind: "unavailable", scope: "credentials", reason: "HTTP 401" });
    }
    await using after = start();
    await closedFor(after, "credentials");
    assert.equal(await after.enter(8, later(3_000)), 1);
  },
);

testOnDatabases("a 429's pause holds for every worker, and only grows", async (database) => {
  await using workers = openGates(database, 2);
  const [one, other] = workers.gates as [Gate, Gate];
  one.report(rate(3_000));
  one.report(rate(20));
  await closedFor(other, "rate");
  const left = other.state().blockedUntil! - Date.now();
  assert.ok(left > 1_000 && left <= 3_000, String(left));
  assert.equal(await other.enter(1, later(100)), 0);
  assert.equal(await other.enter(5, later(5_000)), 5, "and then work goes on, without a probe");
});

testOnDatabases("a pause of an hour is tested again within the horizon, by a probe", async (database) => {
  await using workers = openGates(database, 1);
  const [gate] = workers.gates as [Gate];
  gate.report(rate(3_600_000));
  await closedFor(gate, "rate");
  const left = gate.state().blockedUntil! - Date.now();
  assert.ok(left > 200_000 && left <= 300_000, String(left));
});

testOnDatabases("after a 429 no more than the lanes that are left are under way", async (database) => {
  await using workers = openGates(database, 1, { lanes: 8 });
  const [gate] = workers.gates as [Gate];
  assert.equal(await gate.enter(8, patient), 8);
  times(8, gate, rate(100));
  assert.equal(await gate.enter(8, later(5_000)), 4);
  const fifth = gate.enter(8, later(5_000));
  assert.equal(await Promise.race([fifth, new Promise((r) => setTimeout(r, 300, "waits"))]), "waits");
  gate.report({ kind: "invalid" });
  assert.equal(await fifth, 1);
});

testOnDatabases(
  "a burst of 429s halves the lanes once, successes bring them back one by one",
  async (database) => {
    await using workers = openGates(database, 1, { lanes: 8 });
    const [gate] = workers.gates as [Gate];
    times(8, gate, rate(100));
    assert.equal(gate.lanes(), 4);
    times(5, gate, { kind: "ok" });
    assert.equal(gate.lanes(), 5);
    times(1_000, gate, { kind: "ok" });
    assert.equal(gate.lanes(), 8, "never more than the setting");
  },
);

testOnDatabases(
  "however many workers ask at once, the day's budget holds; they wait and say why",
  async (database) => {
    await database.query("delete from model_spend");
    await using workers = openGates(database, 4, { usdPerDay: 0.2, mostUsd: 0.01 });
    const usage = { provider: "p", model: "m", inputTokens: 90, outputTokens: 10, costUsd: 0.009 };
    let spent = 0;
    await Promise.all(workers.gates.map(async (gate) => {
      for (const end = later(6_000);;) {
        const count = await gate.enter(3, end);
        if (count === 0) return;
        for (let at = 0; at < count; at++, spent += usage.costUsd) gate.report({ kind: "ok", usage });
      }
    }));
    assert.ok(spent <= 0.2 + 1e-9, `overspent: ${spent}`);
    assert.ok(spent >= 0.18, `given up too early: ${spent}`);
    for (const gate of workers.gates) assert.equal(gate.state().reason, "budget");
    await waitFor("the spending to be settled", async () => {
      const [row] = await database.query<{ spent_usd: number }>("select spent_usd from model_spend");
      return Math.abs(row!.spent_usd - spent) < 1e-9;
    });
  },
);

testOnDatabases(
  "a worker that dies takes its lease with it, and nobody overspends for that",
  async (database) => {
    await database.query("delete from model_spend");
    await using workers = openGates(database, 2, { usdPerDay: 0.1, mostUsd: 0.01, lanes: 4 });
    const [dies, lives] = workers.gates as [Gate, Gate];
    assert.equal(await dies.enter(4, patient), 4); // and is never heard of again
    let begun = 0;
    for (;;) {
      const count = await lives.enter(4, later(500));
      if (count === 0) break;
      begun += count;
    }
    assert.equal(begun, 6);
  },
);

testOnDatabases("an answer whose usage is not known counts as the dearest", async (database) => {
  await database.query("delete from model_spend");
  await using workers = openGates(database, 1, { usdPerDay: 0.02, mostUsd: 0.01, lanes: 1 });
  const [gate] = workers.gates as [Gate];
  for (let at = 0; at < 2; at++) {
    assert.equal(await gate.enter(1, later(3_000)), 1);
    gate.report({ kind: "ok" });
  }
  assert.equal(await gate.enter(1, later(2_500)), 0);
});

testOnDatabases("what was given back is there for others, rates and money", async (database) => {
  await database.query("delete from model_spend");
  await using workers = openGates(database, 2, { usdPerDay: 0.04, mostUsd: 0.01, lanes: 4 });
  const [one, other] = workers.gates as [Gate, Gate];
  assert.equal(await one.enter(4, patient), 4);
  one.giveBack(4); // all were in the cache
  assert.equal(await other.enter(4, later(8_000)), 4);
});

testOnDatabases("requests begin at their rate over all workers", async (database) => {
  await using workers = openGates(database, 3, { requestsPerMinute: 600 });
  let begun = 0;
  await Promise.all(workers.gates.map(async (gate) => {
    for (const end = later(3_000);;) {
      const count = await gate.enter(8, end);
      if (count === 0) return;
      begun += count;
      for (let at = 0; at < count; at++) gate.report({ kind: "ok" });
    }
  }));
  assert.ok(begun >= 25 && begun <= 41, `10 a second for 3 seconds, and a second's worth at once: ${begun}`);
});

testOnDatabases("a store that is not responding holds the gate until it is back", async (database) => {
  let away = true;
  const flaky: Database = {
    ...database,
    query: (sql, parameters) =>
      away ? Promise.reject(new Error("PostgreSQL is down")) : database.query(sql, parameters),
  };
  await using workers = openGates(flaky, 1, { requestsPerMinute: 600 });
  const [gate] = workers.gates as [Gate];
  const entered = gate.enter(1, later(10_000));
  assert.equal(await Promise.race([entered, new Promise((r) => setTimeout(r, 500, "waits"))]), "waits");
  away = false;
  assert.equal(await entered, 1);
});
