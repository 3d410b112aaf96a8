/** When a service counts as started, and when as failed. */
import assert from "node:assert/strict";
import { fakeHost, silentView } from "../../tests/launcher/fake_host.ts";
import { psJson, type ScriptedContainer } from "../../tests/launcher/scripted_docker.ts";
import { createCompose, type Declared } from "./compose.ts";
import { createDocker } from "./docker.ts";
import { checkoutPaths } from "../paths.ts";
import type { Output } from "../host.ts";
import { failuresOf, runChecklist } from "../checklist.ts";
import { SERVICES } from "../services.ts";
import { startupChecks } from "./startup.ts";

interface Script {
  readonly services: readonly string[];
  /** What `compose ps` shows, poll by poll; the last result stays. Compose runs until then. */
  readonly looks: ScriptedContainer[][];
  readonly up?: Partial<Output>;
  readonly restarts?: number;
  readonly replicas?: number;
  readonly healthCheck?: boolean;
}

/** Starts services of a Docker with these results, and returns how each check ended. */
async function start({ services, looks, up = {}, restarts = 0, replicas = 1, healthCheck = true }: Script) {
  let look = 0;
  const lastLook = Promise.withResolvers<void>();
  const host = fakeHost({
    run: (line) => {
      if (line.includes(" ps --all")) {
        const shown = looks[Math.min(look++, looks.length - 1)]!;
        if (look >= looks.length) lastLook.resolve();
        return { stdout: psJson(shown) };
      }
      if (line.includes(" up --detach")) return lastLook.promise.then(() => up);
      if (line.includes("inspect")) {
        return { stdout: JSON.stringify([{ RestartCount: restarts, State: { ExitCode: 1 } }]) };
      }
      return line.includes(" logs ") ? { stdout: "its last words\n" } : {};
    },
  });
  const wanted = SERVICES.filter((s) => services.includes(s.name));
  const checks = startupChecks({
    host,
    compose: createCompose({ host, paths: checkoutPaths("/nowhere") }),
    docker: createDocker(host),
    selection: { wanted, leftOut: [], has: () => true },
    declared: services.map((name): Declared => ({
      name,
      image: name,
      built: false,
      ports: [],
      replicas,
      mounts: [],
      environment: {},
      healthCheck,
    })),
    deadlineMs: 60_000,
  });
  const result = await runChecklist(host, silentView(), { name: "services", checks, stopAtFirst: true });
  const outcomes = Object.fromEntries(
    result.checks.map((check) => [check.name, `${check.outcome}: ${check.text}`]),
  );
  return { host, outcomes, failures: failuresOf(result) };
}

Deno.test("a service is fine once its container is healthy", async () => {
  const starting = { service: "db", health: "starting" };
  const { outcomes } = await start({ services: ["db"], looks: [[], [], [starting], [{ service: "db" }]] });
  assert.equal(outcomes.db, "ok: healthy");
});

Deno.test("a service with a health check is not fine while it has no health, between two restarts", async () => {
  const looks = [[], [], [{ service: "canary", health: "" }], [{ service: "canary", state: "restarting" }]];
  const { outcomes } = await start({ services: ["canary"], looks, restarts: 3 });
  assert.match(outcomes.canary!, /^failed: .*exits at once/);
});

Deno.test("a service with replicas is fine once all of them are", async () => {
  const worker = (health: string) => ({ service: "kafka-worker", health });
  const two = [worker("healthy"), worker("healthy"), worker("starting")];
  const three = [worker("healthy"), worker("healthy"), worker("healthy")];
  const { outcomes } = await start({ services: ["kafka-worker"], looks: [[], two, two, three], replicas: 3 });
  assert.equal(outcomes["kafka-worker"], "ok: 3 of 3 healthy");
});

Deno.test("a replica that is not there yet is waited for, and so is a service without any container", async () => {
  const workers = (n: number) => Array.from({ length: n }, () => ({ service: "kafka-worker" }));
  const looks = [[], [], workers(2), workers(3)];
  const { host, outcomes } = await start({ services: ["kafka-worker"], looks, replicas: 3 });
  assert.equal(outcomes["kafka-worker"], "ok: 3 of 3 healthy");
  assert.equal(host.commands.filter((line) => line.includes(" ps --all")).length, looks.length);
});

Deno.test("a service that does one thing is fine once it has exited with 0, and failed with another code", async () => {
  const exited = (exitCode: number) => [{ service: "secrets", state: "exited", exitCode }];
  const done = await start({ services: ["secrets"], looks: [[], exited(0)] });
  const broken = await start({ services: ["secrets"], looks: [[], exited(3)] });
  assert.equal(done.outcomes.secrets, "ok: done");
  assert.match(broken.outcomes.secrets!, /^failed: secrets exited with code/);
});

Deno.test("a container that had stopped before is not a failure: Compose starts it", async () => {
  const stopped = [{ service: "db", state: "exited", exitCode: 137 }];
  const { outcomes } = await start({ services: ["db"], looks: [stopped, stopped, [{ service: "db" }]] });
  assert.equal(outcomes.db, "ok: healthy");
});

Deno.test("a container that keeps crashing from before is replaced", async () => {
  const crashing = [{ service: "loki", state: "restarting" }];
  const { host, outcomes } = await start({
    services: ["loki"],
    looks: [crashing, [{ service: "loki" }]],
    restarts: 9,
  });
  assert.equal(outcomes.loki, "ok: healthy");
  assert.ok(host.commands.some((line) => line.endsWith("rm --stop --force loki")));
});

Deno.test("a container that keeps crashing fails after three restarts, not before", async () => {
  const looks = [[], [{ service: "loki", state: "restarting" }]];
  const hopeless = await start({ services: ["loki"], looks, restarts: 3 });
  const patient = await start({ services: ["loki"], looks: [...looks, [{ service: "loki" }]], restarts: 2 });
  assert.match(hopeless.outcomes.loki!, /exits at once, again and again \(3 times\)/);
  assert.deepEqual(hopeless.failures[0]!.evidence, ["its last words"]);
  assert.equal(patient.outcomes.loki, "ok: healthy");
});

Deno.test("an unhealthy container gets a while to turn, and fails after that", async () => {
  const unhealthy = [{ service: "api", health: "unhealthy" }];
  const turned = await start({ services: ["api"], looks: [[], unhealthy, unhealthy, [{ service: "api" }]] });
  const stuck = await start({ services: ["api"], looks: [[], unhealthy] });
  assert.equal(turned.outcomes.api, "ok: healthy");
  assert.match(stuck.outcomes.api!, /is running, but not healthy/);
});

Deno.test("what Compose refuses is pinned on the service that it names", async () => {
  const created = ["kafka", "kafka-worker"].map((service) => ({ service, state: "created" }));
  const stderr =
    "dependency failed\nError: driver failed programming external connectivity on endpoint tp-kafka-worker-1";
  const { outcomes, failures } = await start({
    services: ["kafka", "kafka-worker"],
    looks: [[], created],
    up: { code: 1, stderr },
  });
  assert.match(outcomes["kafka-worker"]!, /^failed: Compose could not start kafka-worker/);
  assert.match(outcomes.kafka!, /^skipped/);
  assert.equal(failures.length, 1);
});

Deno.test("a service that is never healthy fails at the deadline", async () => {
  const { host, outcomes } = await start({
    services: ["db"],
    looks: [[], [{ service: "db", health: "starting" }]],
  });
  assert.equal(outcomes.db, "failed: db is not healthy after 60 s");
  assert.ok(host.slept >= 60_000 && host.slept < 65_000);
});
