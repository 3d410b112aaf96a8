/** The launcher as people call it: through `deno task`, on a terminal, in a checkout. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { SERVICES } from "../../stack/services.ts";
import { ROOT } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";
import { fakeStack } from "./fake_stack.ts";
import { inheritedEnvironment } from "./run_launcher.ts";
import { psJson, scriptDocker } from "./scripted_docker.ts";

const CHECKOUT = [
  "deno.json",
  "deno.lock",
  "tools",
  "start_monitoring.ts",
  "docker-compose.yml",
  ".env.example",
  "stack",
  "core",
  "config",
];

Deno.test({
  name: "one Ctrl-C under deno task arrives twice and counts once: the drill repairs what it broke",
  ignore: Deno.build.os !== "linux", // `script`, which makes the terminal, takes other arguments elsewhere
  async fn() {
    await using stack = fakeStack({ alert: { name: "WorkersMissing", severity: "warning" } });
    const dir = await Deno.makeTempDir({ prefix: "checkout-" });
    try {
      const checkout = join(dir, "checkout");
      await Deno.mkdir(checkout);
      for (const path of CHECKOUT) await run("cp", "-r", join(ROOT, path), checkout);
      const ports: Record<string, number> = { api: 8000, "kafka-worker": 8001, prometheus: 9090 };
      const containers = SERVICES.map(({ name: service }) => ({
        service,
        ...(ports[service] && { ports: { [ports[service]]: stack.port } }),
      }));
      const { calls } = await scriptDocker(dir, [
        // Slow enough for the repeat to arrive while it repairs.
        { when: "* ps --all *", stdout: psJson(containers), afterStop: true, seconds: 0.3 },
        { when: "* ps --all *", stdout: psJson(containers) },
        { when: "stop *" },
        { when: "start *" },
      ]);
      const called = () => Deno.readTextFile(calls).catch(() => "");
      // The repeat is lost now and then, where the first is still pending.
      for (let round = 0; round < 4; round++) {
        for (const trace of [calls, join(dir, "stop")]) await Deno.remove(trace).catch(() => {});
        const terminal = new Deno.Command("script", {
          args: ["-qec", `${Deno.execPath()} task monitoring drill worker-down`, "/dev/null"],
          cwd: checkout,
          clearEnv: true,
          env: { ...inheritedEnvironment(), PATH: `${dir}:${Deno.env.get("PATH")}`, TERM: "dumb" },
          stdin: "piped",
          stdout: "piped",
          stderr: "piped",
        }).spawn();
        const output = terminal.output();
        const keys = terminal.stdin.getWriter();
        await waitFor("something is broken", async () => /^stop /m.test(await called()), {
          timeoutMs: 30_000,
        });
        await keys.write(new Uint8Array([3]));
        const text = new TextDecoder().decode((await output).stdout);
        await keys.close().catch(() => {});
        assert.match(text, /Interrupted\. Nothing is left broken\./);
        assert.doesNotMatch(text, /Stopped at once/);
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}
