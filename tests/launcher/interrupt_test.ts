/** Ctrl-C while the launcher works. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine } from "./run_launcher.ts";
import { healthyContainers, psJson, scriptDocker, WITHOUT } from "./scripted_docker.ts";

Deno.test({
  name: "Ctrl-C ends with 130 at once, and says how to go on and how to stop",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using machine = await createMachine();
    const { calls } = await scriptDocker(machine.bin, [
      { when: "* ps --all *", stdout: psJson([{ service: "db", health: "starting" }]), afterUp: true },
    ]);
    const launcher = machine.spawn("up");
    await until(async () => (await Deno.readTextFile(calls).catch(() => "")).includes(" up --detach"));
    const from = performance.now();
    launcher.kill("SIGINT");
    const { code, stderr } = await launcher.output();
    const text = new TextDecoder().decode(stderr);
    assert.equal(code, EXIT.interrupted, text);
    assert.ok(performance.now() - from < 5_000);
    assert.match(text, /Interrupted/);
    assert.match(text, /thought-processor down/);
    assert.ok(await Deno.stat(join(machine.state, ".env")));
  },
});

Deno.test({
  name: "Ctrl-C in the proof leaves no thought behind",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using stack = fakeStack({ neverProcess: true });
    await using machine = await createMachine();
    await machine.remember({ without: WITHOUT.split(",") });
    await scriptDocker(machine.bin, [{
      when: "* ps --all *",
      stdout: psJson(healthyContainers(stack.port)),
    }]);
    const launcher = machine.spawn("verify", "--json");
    await until(() => Promise.resolve(stack.posted.length > 0));
    launcher.kill("SIGINT");
    const { code, stdout } = await launcher.output();
    assert.equal(code, EXIT.interrupted);
    assert.deepEqual(stack.deleted, ["/thoughts/thought-1"]);
    const { exitCode, failures } = JSON.parse(new TextDecoder().decode(stdout));
    assert.deepEqual([exitCode, failures[0].kind], [EXIT.interrupted, "interrupted"]);
  },
});

async function until(so: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  while (!await so()) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
