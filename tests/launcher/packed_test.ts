/** The bundle as it is distributed: one script, run from a folder unrelated to the checkout. */
import assert from "node:assert/strict";
import { join } from "node:path";
import config from "../../deno.json" with { type: "json" };
import { pack } from "../../stack/packaging/compile.ts";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine } from "./run_launcher.ts";
import { healthyContainers, psJson, scriptDocker, WITHOUT } from "./scripted_docker.ts";

const root = join(import.meta.dirname!, "..", "..");

Deno.test("the bundle carries the stack's files, lays them out, and starts the stack", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  await pack(root, join(machine.dir, "dist"), { bundleOnly: true });
  const bundle = join(machine.dir, "elsewhere", "thought-processor.js");
  await Deno.rename(join(machine.dir, "dist", "thought-processor.js"), bundle);
  await Deno.remove(join(machine.dir, "dist"), { recursive: true });
  await scriptDocker(machine.bin, [
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
  ]);

  const run = await machine.run([
    "run",
    "--quiet",
    "-A",
    "--no-config",
    bundle,
    "up",
    "--no-verify",
    "--without",
    WITHOUT,
  ]);
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.match(run.stdout, /Ready/);
  assert.match(run.stdout, /thought-processor down/);
  const paths = join(machine.state, config.version);
  for (
    const path of [
      "docker-compose.yml",
      "Dockerfile",
      "config/prometheus.yml",
      "api/main.ts",
      "worker/main.ts",
    ]
  ) {
    assert.ok((await Deno.stat(join(paths, path))).isFile, path);
  }
});
