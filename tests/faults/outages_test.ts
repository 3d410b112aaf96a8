/** Kafka, Redis and PostgreSQL stopped under load, and started again. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest, service } from "./services.ts";
import {
  assertNoneEnded,
  assertNothingLostOrTwice,
  everyWorkerActive,
  startSystem,
  type System,
} from "./system.ts";
import { lastFor } from "./duration.ts";
import { waitFor } from "../support/wait.ts";

const OUTAGE_S = 20;
const LOAD = { thoughts: 2_000, perSecond: 80 };
/** Longer than any test: what is lost on the way stays lost, so that only the outbox can have kept it. */
const NO_RESCUE = { REQUEUE_AFTER_MS: "86400000" };

const workBegins = (system: System) =>
  waitFor("work has begun", async () => await system.audit.count("completed") > 50);

faultTest("Kafka stopped for 20 s delays thoughts and refuses none", async (services) => {
  await using system = await startSystem(services, { env: NO_RESCUE });
  await everyWorkerActive(system);
  const load = startLoad({ api: () => system.api.url, ...LOAD });
  await workBegins(system);
  await service("stop", "kafka");
  const before = load.accepted.length;
  await lastFor(OUTAGE_S);
  assert.ok(load.accepted.length - before > 500, "thoughts are accepted while Kafka is down");
  await service("start", "kafka");
  const mendedAt = performance.now();
  await load.done;
  await system.settled();

  assert.equal(load.refused + load.unanswered, 0);
  const verdict = await assertNothingLostOrTwice(system, load);
  report(`Kafka stopped for ${OUTAGE_S} s`, load, verdict, (performance.now() - mendedAt) / 1_000);
});

faultTest("Redis stopped for 20 s is nothing but cache misses", async (services) => {
  await using system = await startSystem(services, { env: NO_RESCUE });
  await everyWorkerActive(system);
  const load = startLoad({ api: () => system.api.url, ...LOAD });
  await workBegins(system);
  await service("stop", "redis");
  const before = await system.audit.count("completed");
  await lastFor(OUTAGE_S);
  assert.ok(await system.audit.count("completed") - before > 500, "work goes on while Redis is down");
  await service("start", "redis");
  const mendedAt = performance.now();
  await load.done;
  await system.settled();

  assert.equal(load.refused + load.unanswered, 0);
  const verdict = await assertNothingLostOrTwice(system, load);
  report(`Redis stopped for ${OUTAGE_S} s`, load, verdict, (performance.now() - mendedAt) / 1_000);
});

faultTest("PostgreSQL restarted under load refuses for a moment and loses nothing", async (services) => {
  await using system = await startSystem(services, { env: NO_RESCUE });
  await everyWorkerActive(system);
  const load = startLoad({ api: () => system.api.url, ...LOAD, perSecond: 200 });
  await workBegins(system);
  await service("stop", "postgres");
  await waitFor("a request was refused", () => load.refused > 0);
  await service("start", "postgres");
  const mendedAt = performance.now();
  await load.done;
  await system.settled();

  assertNoneEnded(system);
  const verdict = await assertNothingLostOrTwice(system, load);
  report("PostgreSQL restarted", load, verdict, (performance.now() - mendedAt) / 1_000);
});
