/** The verb `drill` of the launcher as a whole: what it refuses, and what Ctrl-C leaves behind. */
import assert from "node:assert/strict";
import { DRILLS } from "../../stack/drill/drills.ts";
import { EXIT } from "../../stack/failure.ts";
import { waitFor } from "../support/wait.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine, type Machine } from "./run_launcher.ts";
import {
  type Answer,
  configJson,
  healthyContainers,
  psJson,
  scriptDocker,
  WITHOUT,
} from "./scripted_docker.ts";

/** The fakes have a Prometheus, and no more of the monitoring. */
const withoutAllBut = (...kept: string[]) =>
  WITHOUT.split(",").filter((name) => !kept.includes(name)).join(",");

async function withStack(
  answers: (port: number) => Answer[],
  use: (machine: Machine, calls: () => Promise<string>) => Promise<void>,
): Promise<void> {
  await using stack = fakeStack({ alert: { name: "WorkersMissing", severity: "warning" } });
  await using machine = await createMachine();
  const containers = [...healthyContainers(stack.port), { service: "alertmanager" }];
  const { calls } = await scriptDocker(machine.bin, [
    ...answers(stack.port),
    { when: "* ps --all *", stdout: psJson(containers) },
    { when: "stop *" },
  ]);
  // What the last `up` left out.
  await machine.remember({ without: withoutAllBut("alertmanager").split(",") });
  await use(machine, () => Deno.readTextFile(calls).catch(() => ""));
}

Deno.test("drill without a name lists every drill, its alert and how long that takes; no Docker needed", async () => {
  await using machine = await createMachine();
  const run = await machine.launch("drill");
  assert.equal(run.code, EXIT.ok, run.stderr);
  for (const { name, does, alert, severity } of DRILLS) {
    assert.match(run.stdout, new RegExp(`${name} +${does} +${alert} \\(${severity}\\) +(at once|\\d+m)\n`));
  }
  for (const line of run.stdout.split("\n")) assert.ok(line.length <= 100, line);
  const { drills } = JSON.parse((await machine.launch("drill", "--json")).stdout);
  assert.deepEqual(drills.map(({ name }: { name: string }) => name), DRILLS.map(({ name }) => name));
});

Deno.test("drill with an unknown name says which there are", async () => {
  await using machine = await createMachine();
  const run = await machine.launch("drill", "earthquake");
  assert.equal(run.code, EXIT.usage);
  assert.match(run.stderr, /no drill "earthquake"[\s\S]*redis-down/);
});

Deno.test("where DRILLS is off nothing is broken", async () => {
  const config = JSON.stringify({ ...JSON.parse(configJson()), "x-drills": "off" });
  await withStack(() => [{ when: "* config --format json", stdout: config }], async (machine, calls) => {
    const run = await machine.launch("drill", "worker-down");
    assert.equal(run.code, EXIT.drill, run.stderr);
    assert.match(run.stderr, /Drills are disabled[\s\S]*DRILLS is not "on"/);
    assert.doesNotMatch(await calls(), /^stop /m);
  });
});

Deno.test("a drill whose exporter was left out could show nothing, and breaks nothing", async () => {
  await withStack(() => [], async (machine, calls) => {
    const run = await machine.launch("drill", "redis-down");
    assert.equal(run.code, EXIT.drill, run.stderr);
    assert.match(run.stderr, /needs redis-exporter, which was left out/);
    assert.doesNotMatch(await calls(), /^stop /m);
  });
});

Deno.test("on an unhealthy stack nothing is broken", async () => {
  const sick = (port: number) =>
    healthyContainers(port).map((c) => c.service === "kafka" ? { ...c, health: "unhealthy" } : c);
  await withStack(
    (port) => [{ when: "* ps --all *", stdout: psJson(sick(port)) }],
    async (machine, calls) => {
      const run = await machine.launch("drill", "worker-down", "--json");
      const { failures, exitCode, drill } = JSON.parse(run.stdout);
      assert.deepEqual([run.code, exitCode, drill], [EXIT.drill, EXIT.drill, undefined], run.stderr);
      assert.match(failures[0].what, /refused: kafka is not healthy/);
      assert.doesNotMatch(await calls(), /^stop /m);
    },
  );
});

Deno.test("if the second Prometheus cannot be started, says why, and leaves neither behind", async () => {
  const refused: Answer = { when: "run --detach *prometheus*", stderr: "no such image", code: 125 };
  const config = JSON.parse(configJson());
  config.services.alertmanager = { image: "test/alertmanager:1" };
  const answers = [
    refused,
    { when: "run --detach *" },
    {
      when: "* config --format json",
      stdout: JSON.stringify(config),
    },
    { when: "rm *" },
    { when: "logs *" },
  ];
  await withStack(() => answers, async (machine, calls) => {
    const run = await machine.launch("drill", "worker-down", "--fast");
    assert.equal(run.code, EXIT.drill, run.stderr);
    assert.match(run.stderr, /tp-drill-prometheus does not work[\s\S]*no such image[\s\S]*without --fast/);
    const lines = (await calls()).trim().split("\n");
    assert.equal(
      lines.findLast((line) => /^(run|rm) /.test(line)),
      "rm --force --volumes tp-drill-prometheus tp-drill-alertmanager",
    );
    assert.doesNotMatch(lines.join("\n"), /^stop /m);
    const started = lines.filter((line) => line.startsWith("run "));
    assert.equal(started.length, 2);
    for (const line of started) {
      // As the stack's own services: tests/containers/ sees only those of docker-compose.yml.
      for (
        const limit of ["--read-only", "--cap-drop ALL", "no-new-privileges:true", "--pids-limit", "--memory"]
      ) {
        assert.ok(line.includes(limit), `${limit}: ${line}`);
      }
      assert.doesNotMatch(line, /--publish (?!127\.0\.0\.1:)/);
    }
  });
});

Deno.test("a second drill is refused while one is running, and leaves it alone", async () => {
  await withStack(() => [], async (machine, calls) => {
    const launcher = machine.spawn("drill", "worker-down");
    await waitFor("something is broken", async () => /^stop /m.test(await calls()), { timeoutMs: 20_000 });
    const second = await machine.launch("drill", "worker-down", "--fast");
    launcher.kill("SIGINT");
    const { code } = await launcher.output();
    assert.equal(second.code, EXIT.drill, second.stderr);
    assert.match(second.stderr, /Another drill is running/);
    assert.doesNotMatch(await calls(), /^(run|rm) /m);
    assert.equal(code, EXIT.interrupted);
    // The lock ends with its process.
    assert.doesNotMatch((await machine.launch("drill", "redis-down")).stderr, /Another drill/);
  });
});

Deno.test({
  name: "Ctrl-C in a drill repairs, says so, and ends with 130",
  ignore: Deno.build.os === "windows",
  async fn() {
    await withStack(() => [], async (machine, calls) => {
      const launcher = machine.spawn("drill", "worker-down");
      await waitFor("something is broken", async () => /^stop /m.test(await calls()), { timeoutMs: 20_000 });
      launcher.kill("SIGINT");
      const { code, stderr } = await launcher.output();
      const text = new TextDecoder().decode(stderr);
      assert.equal(code, EXIT.interrupted, text);
      assert.match(text, /repaired +kafka-worker healthy/);
      assert.match(text, /Interrupted\. Nothing is left broken\./);
    });
  },
});

Deno.test({
  name: "a second Ctrl-C does not wait for the repair, and says what then has to be done",
  ignore: Deno.build.os === "windows",
  async fn() {
    const mending = (port: number) =>
      [...healthyContainers(port), { service: "alertmanager" }].map((c) =>
        c.service === "kafka-worker" ? { ...c, health: "starting" } : c
      );
    const answers = (port: number): Answer[] => [
      { when: "* ps --all *", stdout: psJson(mending(port)), afterStop: true },
    ];
    await withStack(answers, async (machine, calls) => {
      const launcher = machine.spawn("drill", "worker-down");
      await waitFor("something is broken", async () => /^stop /m.test(await calls()), { timeoutMs: 20_000 });
      let ended = false;
      const output = launcher.output().finally(() => ended = true);
      await waitFor("it ends", () => {
        if (!ended) launcher.kill("SIGINT");
        return ended;
      }, { timeoutMs: 20_000, everyMs: 300 });
      const { code, stderr } = await output;
      const text = new TextDecoder().decode(stderr);
      assert.equal(code, EXIT.interrupted, text);
      assert.match(text, /Stopped at once.* Repair the stack: thought-processor\n/);
      assert.doesNotMatch(text, /Nothing is left broken/);
    });
  },
});
