/**
 * Each process gets what it needs and no more; the sets in deno.json are what tasks, Docker and tests use.
 */
import assert from "node:assert/strict";
import { SETTINGS } from "../../core/settings.ts";
import manifest from "../../deno.json" with { type: "json" };
import { PERMISSIONS as PACKED } from "../../stack/packaging/compile.ts";
import { startProcess } from "../support/process.ts";

const { api, worker, webhooks, canary, dev, launcher } = manifest.permissions;

Deno.test("API, worker and webhooks may neither run programs, load libraries nor write files", () => {
  for (const set of [api, worker, webhooks]) {
    assert.deepEqual(Object.keys(set).sort(), ["env", "net", "read"]);
  }
});

Deno.test("each program may read its own settings by name, and no other variable", () => {
  for (const [program, set] of [["api", api], ["worker", worker], ["webhooks", webhooks]] as const) {
    const settings = Object.values(SETTINGS).filter(({ on }) => (on as readonly string[]).includes(program));
    const variables = settings.flatMap((setting) =>
      "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env]
    );
    assert.deepEqual(set.env, variables);
  }
  assert.ok(!api.env.includes("OPENAI_API_KEY"), "the API has no business with the model's key");
  assert.ok(!worker.env.includes("API_KEYS_FILE"));
});

Deno.test("the network is limited to this machine, the stack's services and the default model provider", () => {
  assert.deepEqual(api.net, ["localhost", "127.0.0.1", "0.0.0.0", "db", "redis", "tempo"]);
  assert.deepEqual(worker.net, [
    "localhost",
    "127.0.0.1",
    "0.0.0.0",
    "db",
    "redis",
    "kafka",
    "tempo",
    "api.openai.com",
  ]);
});

Deno.test("who delivers webhooks may reach every host but the clouds' metadata", async () => {
  assert.deepEqual(webhooks.net, { allow: true, deny: ["169.254.169.254", "[fd00:ec2::254]"] });
  const program = `await Deno.connect({ hostname: "169.254.169.254", port: 80 })`;
  await using process = startProcess({
    args: ["--config=deno.json", "-P=webhooks", `data:application/javascript,${encodeURIComponent(program)}`],
    env: {},
  });
  assert.equal((await process.status).code, 1);
  assert.match(process.stderr(), /NotCapable/);
});

Deno.test("the canary reads no variable, and reaches this machine and the four services that it watches", async () => {
  assert.deepEqual(canary, {
    net: ["localhost", "127.0.0.1", "0.0.0.0", "api", "kafka-worker", "tempo", "loki"],
    read: [".", "/run/secrets"],
  });
  assert.match(manifest.tasks.canary.command, /-P=canary canary\/main\.ts$/);
  assert.match(await Deno.readTextFile("docker-compose.yml"), /- -P=canary\n +- canary\/main\.ts\n/);
});

Deno.test("tasks and the container image start each program with its permission set, and with the hosts of its settings", async () => {
  const started = { api: "api", worker: "worker", redrive: "dev", operate: "dev", dev: "dev" } as const;
  for (const [task, set] of Object.entries(started)) {
    const { command } = manifest.tasks[task as keyof typeof started];
    assert.match(
      command,
      new RegExp(`deno run --quiet --no-prompt .*-P=${set} "--allow-net=\\$\\(`),
      task,
    );
    assert.match(command, new RegExp(`-P=start core/reachable_hosts\\.ts ${set}\\)"`), task);
    if (set === "dev") {
      assert.match(command, /"--allow-write=\$\(deno run .* -P=start tools\/data_folder\.ts\)"/, task);
    }
  }
  const script = await Deno.readTextFile("config/start.sh");
  assert.match(script, /-P=start core\/reachable_hosts\.ts "\$program"\)$/m);
  assert.match(script, /-P="\$program" --allow-net="\$hosts" "\$entry"$/m);
  const deployed = script + await Deno.readTextFile("Dockerfile") +
    await Deno.readTextFile("docker-compose.yml");
  assert.doesNotMatch(deployed, /--allow-all|"-A"/);
});

Deno.test("tasks with a permission set are quiet: Deno would warn about sets at every start, and list what it fetches at the first", () => {
  for (const [task, { command }] of Object.entries(manifest.tasks)) {
    for (const [run] of command.matchAll(/deno run [^&)]*-P=/g)) {
      assert.match(run, /^deno run --quiet /, task);
    }
  }
});

Deno.test("nothing that is started can stop at a prompt: there may be nobody to answer", async () => {
  const commands = Object.entries(manifest.tasks).map(([name, { command }]) => [name, command] as const);
  const script = await Deno.readTextFile("config/start.sh");
  for (const [name, text] of [...commands, ["config/start.sh", script] as const]) {
    for (const [run] of text.matchAll(/deno run [^&)]*/g)) assert.match(run, /--no-prompt| -A /, name);
  }
  const [shebang] = (await Deno.readTextFile("start_monitoring.ts")).split("\n");
  assert.match(shebang!, /--no-prompt/);
});

Deno.test("development may do what a worker may, and keep a database in .data", () => {
  // Its database is a program inside a package, wherever Deno's cache is: what may be read can't be named.
  assert.deepEqual({ ...dev, env: worker.env }, { ...worker, read: true, write: [".data"] });
  assert.deepEqual(new Set(dev.env), new Set([...api.env, ...worker.env, ...webhooks.env]));
});

Deno.test("the launcher may reach what a person names, its own files and the programs that it calls", async () => {
  // `adopt URL` and `verify --url`: which hosts those are is known only when it runs.
  assert.equal(launcher.net, true);
  assert.deepEqual([launcher.read, launcher.write], [["."], [".env", ".data", "config/extensions"]]);
  assert.equal(
    launcher.env.ignore,
    true,
    "libraries ask for what CI systems and terminals set; they are told nothing",
  );
  const called = new Set<string>();
  for await (const source of sourcesBelow("stack")) {
    for (const [, program] of source.matchAll(/host\.run\("([^"]+)"/g)) called.add(program!);
    const openers = /opener = (.*);/.exec(source)?.[1] ?? "";
    for (const [, program] of openers.matchAll(/"([^"]+)"/g)) called.add(program!);
  }
  assert.deepEqual(launcher.run.toSorted(), [...called].sort());
});

async function* sourcesBelow(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory) yield* sourcesBelow(`${folder}/${name}`);
    else if (/(?<!_test)\.ts$/.test(name)) yield await Deno.readTextFile(`${folder}/${name}`);
  }
}

Deno.test("a packed launcher may do the same, but for files", () => {
  assert.deepEqual(PACKED, [
    "--no-prompt",
    "--allow-net",
    `--allow-env=${launcher.env.allow}`,
    "--ignore-env",
    "--allow-run=docker,kubectl,df,ss,lsof,xdg-open,open,explorer",
    "--allow-read",
    "--allow-write",
  ]);
});

Deno.test({
  name: "the launcher asks for nothing more, in a pipe and on a terminal, with colours and without",
  ignore: Deno.build.os !== "linux", // `script`, which makes the terminal, takes other arguments elsewhere
  async fn() {
    const state = await Deno.makeTempDir();
    // No Docker on that PATH: the doctor says so, which takes the whole view and no engine.
    const doctor = `PATH=/nowhere ${Deno.execPath()} run --quiet --no-lock "${PACKED.join('" "')}" ` +
      "tests/launcher/packed_launcher.ts doctor";
    const sized = `stty cols 100 rows 40; ${doctor}`;
    const runs: [program: string, args: string[], env: Record<string, string>][] = [
      ["sh", ["-c", doctor], {}],
      ["sh", ["-c", doctor], { FORCE_COLOR: "1", CI: "1", GITHUB_ACTIONS: "1" }],
      ["script", ["-qec", sized, "/dev/null"], { TERM: "xterm-256color", COLORTERM: "truecolor" }],
      ["script", ["-qec", sized, "/dev/null"], { NO_COLOR: "1", TERM_PROGRAM: "any", WT_SESSION: "1" }],
    ];
    for (const [program, args, env] of runs) {
      const command = new Deno.Command(program, {
        args,
        env: { ...env, XDG_STATE_HOME: state },
        stdin: "null",
      });
      const { stdout, stderr } = await command.output();
      const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
      assert.doesNotMatch(said, /NotCapable|Requires \w+ access/, program);
      assert.match(said, /Docker is not installed/, program);
    }
    await Deno.remove(state, { recursive: true });
  },
});

Deno.test("only tests and benchmarks may do everything", () => {
  for (const [name, { command }] of Object.entries(manifest.tasks)) {
    if (/^(test|bench)/.test(name)) continue;
    assert.doesNotMatch(command, /(^| )(-A|--allow-all|--allow-run|--allow-net|--allow-env)( |$)/, name);
  }
});

for (const program of ["api/main.ts", "worker/main.ts", "webhooks/main.ts"]) {
  Deno.test(`${program} on its own says that it needs DATABASE_URL, and ends with code 2`, async () => {
    await using process = startProcess({
      args: [`-P=${program.split("/")[0]}`, program],
      env: { API_PORT: "0", WORKER_PORT: "0", WEBHOOKS_PORT: "0" },
    });
    assert.equal((await process.status).code, 2);
    assert.match(process.stderr(), /needs DATABASE_URL.*deno task dev/s);
  });
}
