/** Two folders with a stack each: neither takes over the other's. */
import assert from "node:assert/strict";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
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
