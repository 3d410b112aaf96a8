/** Readiness, from checks that pass, fail and hang. */
import assert from "node:assert/strict";
import { createReadiness } from "./health.ts";
import { createLogger } from "./telemetry/log.ts";
import { createMetrics } from "./telemetry/metrics.ts";

const log = createLogger({ service: "test", write: () => {} });

Deno.test("a process is up when every dependency answers", async () => {
  const readiness = createReadiness({ database: () => Promise.resolve(), queue: () => Promise.resolve() }, {
    log,
  });
  const { status, dependencies } = await readiness();
  assert.equal(status, "up");
  assert.deepEqual(Object.keys(dependencies), ["database", "queue"]);
  assert.equal(dependencies.database!.status, "up");
});

Deno.test("one dependency down is the process down; its reason is general, without address or message", async () => {
  const readiness = createReadiness({
    database: () => Promise.reject(new Error("connect to postgres://canary refused")),
    queue: () => Promise.resolve(),
  }, { log });
  const health = await readiness();
  assert.equal(health.status, "down");
  assert.equal(health.dependencies.database!.reason, "not reachable");
  assert.equal(health.dependencies.queue!.status, "up");
  assert.doesNotMatch(JSON.stringify(health), /canary/);
});

Deno.test("a process does its work without what is optional, and still shows it", async () => {
  const readiness = createReadiness({ cache: () => Promise.reject(new Error("gone")) }, {
    log,
    optional: ["cache"],
  });
  const { status, dependencies } = await readiness();
  assert.deepEqual([status, dependencies.cache!.status], ["up", "down"]);
});

Deno.test("a dependency that does not respond in time is down", async () => {
  const readiness = createReadiness({ cache: () => new Promise(() => {}) }, { log, timeoutMs: 10 });
  const { dependencies } = await readiness();
  assert.equal(dependencies.cache!.reason, "no response within 10 ms");
});

Deno.test("a check that throws at once is a dependency down, not a failed probe", async () => {
  const readiness = createReadiness({
    cache: () => {
      throw new Error("not connected");
    },
  }, { log });
  assert.equal((await readiness()).status, "down");
});

Deno.test("however many probes come, a dependency is checked once a second", async () => {
  let now = 0;
  let asked = 0;
  const check = () => {
    asked++;
    return asked === 2 ? Promise.reject(new Error()) : Promise.resolve();
  };
  const readiness = createReadiness({ database: check }, { log, now: () => now });
  assert.deepEqual(
    (await Promise.all([readiness(), readiness(), readiness()])).map(({ status }) => status),
    ["up", "up", "up"],
  );
  now = 999;
  await readiness();
  assert.equal(asked, 1);
  now = 1_000;
  assert.equal((await readiness()).status, "down", "then it is asked again");
  assert.equal(asked, 2);
});

Deno.test("app_dependency_up says of each dependency whether it was reached last", async () => {
  let up = false;
  const metrics = createMetrics("worker", "0");
  const cache = () => up ? Promise.resolve() : Promise.reject(new Error("gone"));
  const readiness = createReadiness({ database: () => Promise.resolve(), cache }, {
    log,
    metrics,
    maxAgeMs: 0,
  });
  const samples = async () => (await metrics.expose()).body.match(/^app_dependency_up\{.*$/gm);
  assert.equal(await samples(), null, "unknown before the first check");
  await readiness();
  assert.deepEqual(await samples(), [
    'app_dependency_up{dependency="database"} 1',
    'app_dependency_up{dependency="cache"} 0',
  ]);
  up = true;
  await readiness();
  assert.equal((await samples())?.[1], 'app_dependency_up{dependency="cache"} 1');
});
