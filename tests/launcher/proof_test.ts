/** The launcher as a whole, from a foreign folder, when all is well. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine } from "./run_launcher.ts";
import { configJson, healthyContainers, psJson, scriptDocker, WITHOUT } from "./scripted_docker.ts";

Deno.test("up starts, proves and shows, and leaves its files in the state directory", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  const { calls } = await scriptDocker(machine.bin, [
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
  ]);
  const run = await machine.launch("up", "--without", WITHOUT, "--workers", "1", "--json");
  const report = JSON.parse(run.stdout);
  const checks = report.checklists.at(-1).checks.map((check: { name: string; outcome: string }) =>
    `${check.name} ${check.outcome}`
  );

  assert.deepEqual([run.code, report.exitCode, report.ok], [EXIT.ok, 0, true], run.stderr);
  assert.deepEqual(report.leftOut, WITHOUT.split(",").sort((a, b) => order(a) - order(b)));
  assert.ok(
    ["accepted ok", "completed ok", "counted ok", "targets ok"].every((check) => checks.includes(check)),
    `${checks}`,
  );
  assert.match(stack.posted[0]!.traceparent, /^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  assert.match(
    await Deno.readTextFile(calls),
    / up --detach --no-build --no-deps secrets db redis kafka api /,
  );
  assert.ok((await Deno.stat(join(machine.state, "0.0.0-test", "docker-compose.yml"))).isFile);
  assert.equal((await Deno.stat(join(machine.state, ".env"))).mode! & 0o777, 0o600);
  assert.doesNotMatch(run.stdout, /PASSWORD=/);

  const again = await machine.launch("verify", "--json");
  assert.equal(again.code, EXIT.ok, again.stderr);
  assert.deepEqual(JSON.parse(again.stdout).leftOut, report.leftOut, "verify forgot what up left out");
});

Deno.test("status misses a service that was wanted and is gone", async () => {
  await using machine = await createMachine();
  const containers = healthyContainers(1).filter((c) => c.service !== "loki");
  await scriptDocker(machine.bin, [{ when: "* ps --all *", stdout: psJson(containers) }]);
  const run = await machine.launch("status", "--without", WITHOUT);
  assert.equal(run.code, EXIT.service);
  assert.match(run.stdout, /loki +no container/);
  assert.match(run.stderr, /loki is not running as it should/);
});

Deno.test("up --without removes what is left out and still runs, and shows no address of it", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  const containers = [...healthyContainers(stack.port), { service: "grafana", ports: { 3000: 3001 } }];
  const { calls, environments } = await scriptDocker(machine.bin, [
    { when: "* ps --all *", stdout: psJson(containers), afterUp: true },
    { when: "* ps --all *", stdout: psJson(containers) },
    { when: "* rm --stop --force grafana" },
  ]);
  const run = await machine.launch("up", "--without", WITHOUT, "--no-verify");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.match(await Deno.readTextFile(calls), / rm --stop --force grafana\n/);
  const up = (await Deno.readTextFile(environments)).split("\n").find((line) =>
    line.includes(" up --detach")
  );
  assert.match(up!, /LEFT_OUT_JOBS=alertmanager grafana promtail tempo canary node postgres redis kafka /);
  assert.doesNotMatch(run.stdout, /grafana +http|grafana login/);
});

Deno.test("up over a running stack starts those again whose files are newer than they, and names the file", async () => {
  await using stack = fakeStack();
  await using machine = await createMachine();
  const dir = join(machine.state, "0.0.0-test");
  const files = (path: string) => ({ source: join(dir, path), target: "/etc/anywhere" });
  const config = JSON.parse(configJson());
  config.services.prometheus.volumes = [
    { source: "prometheus_data", target: "/prometheus" },
    files("config/prometheus.yml"),
    files("config/prometheus"),
  ];
  config.services.loki.volumes = [files("config/loki-config.yml"), files("config/removed.yml")];
  // Neither is ours to judge: a person's keys, which the API watches, and the machine's root.
  config.services.api.volumes = [files("keys"), { source: "/", target: "/host" }];
  const startedAt = (service: string, at: number) => ({
    when: `inspect *tp-${service}-1`,
    stdout: JSON.stringify([{ State: { StartedAt: new Date(at).toISOString() } }]),
  });
  const { calls } = await scriptDocker(machine.bin, [
    { when: "* config --format json", stdout: JSON.stringify(config) },
    startedAt("prometheus", Date.now() - 3_600_000),
    startedAt("api", Date.now() - 3_600_000),
    startedAt("loki", Date.now() + 60_000),
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)) },
    { when: "* rm --stop --force *" },
  ]);
  const up = () => machine.launch("up", "--without", WITHOUT, "--no-verify");
  const run = await up();
  assert.equal(run.code, EXIT.ok, run.stderr);
  const removed = (await Deno.readTextFile(calls)).split("\n").filter((line) => line.includes(" rm "));
  assert.deepEqual(removed.map((line) => line.split("--force ")[1]), ["prometheus"]);
  assert.match(run.stderr, /prometheus +starts again: config\/prometheus\S* has changed/);
});

Deno.test("down keeps the data unless told otherwise", async () => {
  await using machine = await createMachine();
  const { calls } = await scriptDocker(machine.bin, []);
  const kept = await machine.launch("down");
  const deleted = await machine.launch("down", "--volumes");
  assert.deepEqual([kept.code, deleted.code], [EXIT.ok, EXIT.ok]);
  assert.match(kept.stderr, /the data is kept/);
  assert.match(deleted.stderr, /all data deleted/);
  const downs = (await Deno.readTextFile(calls)).split("\n").filter((line) => line.includes(" down "));
  assert.deepEqual(downs.map((line) => line.endsWith("--volumes")), [false, true]);
});

const ORDER = "prometheus alertmanager grafana loki promtail tempo canary node- postgres- redis- kafka-"
  .split(" ");
const order = (name: string) => ORDER.findIndex((start) => name.startsWith(start));
