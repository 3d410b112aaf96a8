/** Two folders with a stack each: neither takes over the other's. */
import assert from "node:assert/strict";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
import { isFree, portsFrom } from "../../stack/docker/port.ts";
import { createMachine } from "./run_launcher.ts";
import {
  type Answer,
  configJson,
  healthyContainers,
  psJson,
  scriptDocker,
  WITHOUT,
} from "./scripted_docker.ts";

const ELSEWHERE: Answer = {
  when: "ps --filter label=com.docker.compose.project=tp *",
  stdout: "/elsewhere/clone\n",
};

for (
  const verb of [["up", "--without", WITHOUT], ["down", "--volumes"], ["verify"], ["drill", "worker-down"]]
) {
  Deno.test(`${verb[0]} leaves a stack alone that another folder started, and names that folder`, async () => {
    await using machine = await createMachine();
    const { calls } = await scriptDocker(machine.bin, [ELSEWHERE]);
    const run = await machine.launch(...verb);
    assert.equal(run.code, EXIT.prerequisite, run.stderr);
    assert.match(run.stderr, /Another folder's stack has the name tp[\s\S]*started in \/elsewhere\/clone/);
    assert.match(run.stderr, /thought-processor up --project tp-2/);
    assert.doesNotMatch(run.stderr, /--volumes/);
    assert.doesNotMatch(await Deno.readTextFile(calls), / (up|down|stop|rm) /);
    // No passwords for a stack that is not ours.
    await assert.rejects(Deno.stat(`${machine.state}/.env`), Deno.errors.NotFound);
  });
}

Deno.test("another version of a packed launcher is the same installation", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  await scriptDocker(machine.bin, [
    { ...ELSEWHERE, stdout: `${machine.state}/0.0.0-older\n` },
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
  ]);
  const run = await machine.launch("up", "--without", WITHOUT, "--no-verify");
  assert.equal(run.code, EXIT.ok, run.stderr);
});

Deno.test("--project starts a second stack: its name, an image and free ports, remembered for this folder", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await using stack = fakeStack();
  await using machine = await createMachine();
  const config = configJson({ loki: port, prometheus: 41_999 }).replace("test/api:1", "thought-processor");
  const { environments } = await scriptDocker(machine.bin, [
    { when: "* config --format json", stdout: config },
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
  ]);
  const up = ["up", "--without", WITHOUT, "--no-verify"];
  const first = await machine.launch(...up, "--project", "tp-2");
  // The scripted docker always says the taken port: what matters is what Compose was given.
  assert.match(first.stderr, /Loki|loki/);
  const given = async () =>
    (await Deno.readTextFile(environments)).split("\n").findLast((line) => line.includes("docker compose "))!;
  const variables = Object.fromEntries((await given()).split(" ").map((pair) => pair.split("=")));
  assert.equal(variables.COMPOSE_PROJECT_NAME, "tp-2");
  assert.equal(variables.APP_IMAGE, "tp-2");
  assert.equal(variables.PROMETHEUS_PORT, "41999");
  assert.notEqual(variables.LOKI_PORT, `${port}`);
});

Deno.test("ports that move away from one that is taken do not meet: neither in a second stack nor in the advice", async () => {
  const row = freePortRow(4);
  using _taken = Deno.listen({ hostname: "127.0.0.1", port: row });
  const ports = { api: row, loki: row + 1, prometheus: row + 2 };
  const config = configJson(ports).replace("test/api:1", "thought-processor");
  await using machine = await createMachine();
  const { environments } = await scriptDocker(machine.bin, [{
    when: "* config --format json",
    stdout: config,
  }]);

  const advised = await machine.launch("up", "--without", WITHOUT);
  assert.match(advised.stderr, new RegExp(`API_PORT=${row + 3}\\b`), advised.stderr);

  await machine.launch("up", "--without", WITHOUT, "--project", "tp-2");
  const given = (await Deno.readTextFile(environments)).split("\n").findLast((line) =>
    line.includes("docker compose ")
  )!;
  const moved = ["API_PORT", "LOKI_PORT", "PROMETHEUS_PORT"].map((name) =>
    new RegExp(`\\b${name}=(\\d+)`).exec(given)?.[1]
  );
  assert.equal(new Set(moved).size, 3, given);
});

function freePortRow(count: number): number {
  for (let first = 20_000; first < 30_000; first += count) {
    if (portsFrom(first, count).every(isFree)) return first;
  }
  throw new Error("no free ports");
}
