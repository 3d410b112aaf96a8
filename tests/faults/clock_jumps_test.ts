/** Clocks that jump, forwards and back, on the database, the workers and the API. */
import assert from "node:assert/strict";
import { makeClock } from "./clock.ts";
import { groupMembers } from "./group.ts";
import { lastFor } from "./duration.ts";
import { startLoad } from "./load.ts";
import { startModel } from "./model.ts";
import { startOwnPostgres } from "./own_postgres.ts";
import type { Program } from "./program.ts";
import { report } from "./report.ts";
import { faultTest } from "./services.ts";
import { breakSource } from "./source.ts";
import { assertNoneEnded, assertNothingLostOrTwice, startSystem, type System } from "./system.ts";
import { waitFor } from "../support/wait.ts";

const HOUR_S = 3_600;
/** Of the suite, by `startSystem`. */
const LEASE_S = 5;
/** A member that Kafka has not heard of for 15 s is dropped from the group. */
const SESSION_S = 15;
/** How much two readings of a clock may differ on a busy machine. */
const ABOUT_S = 60;

const isAhead = (ms: number, aheadS: number) =>
  Math.abs((ms - Date.now()) / 1_000 - aheadS) < ABOUT_S || undefined;

const databaseIsAhead = (system: System, aheadS: number) =>
  waitFor(`PostgreSQL's now() is ${aheadS} s ahead`, async () => {
    const [row] = await system.audit.query<{ ms: number }>(
      "select extract(epoch from now())::float8 * 1000 as ms",
    );
    return isAhead(row!.ms, aheadS);
  });

/** Under load every program logs something all the time. */
const programIsAhead = (program: Program, aheadS: number) =>
  waitFor(`${program.url} is ${aheadS} s ahead`, () => isAhead(program.loggedAt(), aheadS));

async function workGoesOn(system: System) {
  const before = await system.audit.count("completed");
  await waitFor("work goes on", async () => await system.audit.count("completed") >= before + 50);
}

faultTest("PostgreSQL's clock an hour forward, and back, leaves nothing waiting", async (services) => {
  await using clock = await makeClock();
  await using postgres = await startOwnPostgres({ env: clock.forPostgres });
  // A slow model: there is always work in progress when the clock jumps.
  await using model = startModel({ latencyMs: 500 });
  await using system = await startSystem({ ...services, databaseUrl: postgres.url }, {
    env: { ANALYSER: "openai", OPENAI_BASE_URL: model.url },
  });
  const load = startLoad({ api: () => system.api.url, thoughts: 600, perSecond: 40 });
  await workGoesOn(system);
  await clock.set(HOUR_S);
  await databaseIsAhead(system, HOUR_S);
  await workGoesOn(system);

  // When it goes back, a worker that held thoughts is gone, and messages wait that no relay has taken yet.
  await waitFor("workers hold thoughts", async () => await system.audit.count("processing") >= 8);
  for (const worker of system.workers) worker.signal("SIGSTOP");
  await waitFor("their statements are over", async () => await system.audit.busy() === 0);
  const [victim, ...others] = system.workers;
  await victim!.kill();
  const before = load.accepted.length;
  await waitFor("messages wait", () => load.accepted.length >= before + 20);
  await clock.set(0);
  await databaseIsAhead(system, 0);
  for (const worker of others) worker.signal("SIGCONT");
  const mendedAt = performance.now();
  await load.done;
  await system.settled();

  assert.equal(load.refused + load.unanswered, 0);
  assertNoneEnded({ api: system.api, workers: others });
  const verdict = await assertNothingLostOrTwice(system, load);
  report(
    "PostgreSQL's clock +1 h, -1 h, worker killed",
    load,
    verdict,
    (performance.now() - mendedAt) / 1_000,
  );
});

faultTest("without the horizon the suite sees thoughts wait for the hour to pass", async (services) => {
  await using broken = await breakSource({
    file: "core/store/clock_skew.ts",
    from: "HORIZON_MS = 300_000",
    to: "HORIZON_MS = 86_400_000",
  });
  await using clock = await makeClock();
  await using postgres = await startOwnPostgres({ env: clock.forPostgres });
  await using model = startModel();
  await using system = await startSystem({ ...services, databaseUrl: postgres.url }, {
    root: broken.root,
    workers: 0,
    env: { ANALYSER: "openai", OPENAI_BASE_URL: model.url },
  });
  const post = async (thoughts: number) => {
    const load = startLoad({ api: () => system.api.url, thoughts });
    await load.done;
    return load.accepted;
  };
  await clock.set(HOUR_S);
  await databaseIsAhead(system, HOUR_S);
  model.holdBack();
  const victim = await system.startWorker();
  await post(20);
  await waitFor("the worker holds thoughts", async () => await system.audit.count("processing") >= 8);
  await victim.kill();
  const held = await system.audit.count("processing");
  await clock.set(0);
  await databaseIsAhead(system, 0);
  model.release();
  const after = await post(20);
  await system.startWorker();
  await waitFor("what was posted since is done", async () => (await system.audit.verdict(after)).lost === 0);
  // Beyond their lease, after which another would take them over.
  await lastFor(2 * LEASE_S);
  assert.equal(await system.audit.count("processing"), held);
});

faultTest("our programs' clocks an hour forward, and back, change nothing", async (services) => {
  await using clock = await makeClock();
  await using system = await startSystem(services, {
    env: { ...clock.forPrograms, REQUEUE_AFTER_MS: "86400000" },
  });
  const everyone = [system.api, ...system.workers];
  const load = startLoad({ api: () => system.api.url, thoughts: 1_000, perSecond: 80 });
  await workGoesOn(system);
  await clock.set(HOUR_S);
  for (const program of everyone) await programIsAhead(program, HOUR_S);
  await workGoesOn(system);
  await clock.set(0);
  const mendedAt = performance.now();
  for (const program of everyone) await programIsAhead(program, 0);
  await workGoesOn(system);
  await load.done;
  await system.settled();
  const recoveryS = (performance.now() - mendedAt) / 1_000;

  await lastFor(SESSION_S + 3 - recoveryS);
  assert.equal(
    await groupMembers(services.kafkaBrokers),
    system.workers.length,
    "Kafka hears of every worker",
  );
  for (const worker of system.workers) assert.equal(await worker.metric("batch_processor_active_workers"), 1);
  assert.equal(load.refused + load.unanswered, 0);
  assertNoneEnded(system);
  const verdict = await assertNothingLostOrTwice(system, load);
  report("API's and workers' clocks +1 h, -1 h", load, verdict, recoveryS);
});
