/** Ctrl-C while the launcher works. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { Machine } from "./run_launcher.ts";
import { psJson, scriptDocker } from "./scripted_docker.ts";

Deno.test({
  name: "Ctrl-C ends with 130 at once, and says how to go on and how to stop",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using machine = await Machine.make();
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

async function until(so: () => Promise<boolean>): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  while (!await so()) {
    deadline.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
