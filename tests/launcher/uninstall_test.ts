/** What a packed launcher leaves on a machine, and how that is removed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine } from "./run_launcher.ts";
import { healthyContainers, psJson, scriptDocker, WITHOUT } from "./scripted_docker.ts";

const names = async (folder: string) =>
  (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).sort();

Deno.test("a successful start removes the files of older versions, and links the passwords", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  await Deno.mkdir(join(machine.state, "0.0.0-older", "config"), { recursive: true });
  await scriptDocker(machine.bin, [
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
  ]);
  const run = await machine.launch("up", "--without", WITHOUT, "--no-verify");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.deepEqual(await names(machine.state), [".env", "0.0.0-test", "extensions", "launcher.json"]);
  assert.equal(
    await Deno.readTextFile(join(machine.state, "0.0.0-test", ".env")),
    await Deno.readTextFile(join(machine.state, ".env")),
  );
});

Deno.test("a start that failed keeps older versions, which containers may still have mounted", async () => {
  await using machine = await createMachine();
  await Deno.mkdir(join(machine.state, "0.0.0-older"), { recursive: true });
  await scriptDocker(machine.bin, [{ when: "* build --quiet", code: 1, stderr: "no" }, {
    when: "image inspect *",
    code: 1,
  }, { when: "pull *", code: 1 }]);
  const run = await machine.launch("up", "--without", WITHOUT);
  assert.equal(run.code, EXIT.prerequisite, run.stderr);
  assert.ok((await names(machine.state)).includes("0.0.0-older"));
});

Deno.test("uninstall removes containers, data, our image and every file", async () => {
  await using machine = await createMachine();
  const { calls } = await scriptDocker(machine.bin, [{ when: "image rm test/api:1" }]);
  const run = await machine.launch("uninstall", "--json");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.match(
    await Deno.readTextFile(calls),
    / down --remove-orphans --volumes\n[\s\S]*image rm test\/api:1\n/,
  );
  await assert.rejects(Deno.stat(machine.state), Deno.errors.NotFound);
  assert.equal(JSON.parse(run.stdout).ok, true);
});
