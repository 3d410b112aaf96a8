/** The launcher and an API that wants keys: it is proven with a key of the launcher's own. */
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

const KEY = "tp_of-the-launcher";
const OWN = "/run/secrets/api_keys/keys,/run/secrets/api/keys";
const UP = ["up", "--without", WITHOUT, "--workers", "1"];
const withKeys = (files: string): Answer => ({
  when: "* config --format json",
  stdout: configJson({}, { folder: "/home/ada/keys", files }),
});
const look: Answer = { when: "run --rm --network none --user 1993:1993 *" };
const read: Answer = { when: "* run --rm --no-deps --no-TTY --entrypoint cat secrets *", stdout: KEY };

Deno.test("an API that wants keys is proven and used with the launcher's own key, which no output shows", async () => {
  await using stack = fakeStack({ key: KEY });
  await using machine = await createMachine();
  await scriptDocker(machine.bin, [
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
    withKeys(OWN),
    look,
    read,
  ]);
  for (const args of [UP, ["verify"], ["traffic", "--for", "300ms", "--rate", "20/s", "--mix", "fresh=1"]]) {
    const run = await machine.launch(...args, "--json");
    assert.equal(run.code, EXIT.ok, run.stderr);
    assert.equal(JSON.parse(run.stdout).verb, args[0]);
    assert.doesNotMatch(run.stdout + run.stderr, new RegExp(KEY));
  }
  assert.ok(stack.posted.length > 2);
  assert.ok(stack.deleted.includes("/thoughts/thought-1"));
});

Deno.test("an API that wants keys and has none of the launcher's is a failure that says how to give it one", async () => {
  await using stack = fakeStack({ key: KEY });
  await using machine = await createMachine();
  await scriptDocker(machine.bin, [
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)) },
    withKeys("/run/secrets/api_keys/keys"),
  ]);
  const run = await machine.launch("verify");
  assert.equal(run.code, EXIT.prerequisite);
  assert.match(run.stderr, /launcher has none[^]*set API_KEYS_DIR in .*\.env/);
});

Deno.test("a key file that the API cannot read is named before anything is started", async () => {
  await using machine = await createMachine();
  const { calls } = await scriptDocker(machine.bin, [
    withKeys(OWN),
    { ...look, code: 1, stderr: "no such file that it may read" },
  ]);
  const run = await machine.launch(...UP);
  assert.equal(run.code, EXIT.prerequisite);
  assert.match(run.stderr, /cannot read \/home\/ada\/keys\/keys[^]*no such file/);
  assert.doesNotMatch(await Deno.readTextFile(calls), / up --detach /);
});
