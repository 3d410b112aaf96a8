/** The seven ways to fail: each with its exit code, its cause and a next step, in under 30 s. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { fakeStack } from "./fake_stack.ts";
import { createMachine, type Run } from "./run_launcher.ts";
import {
  type Answer,
  configJson,
  healthyContainers,
  psJson,
  scriptDocker,
  WITHOUT,
} from "./scripted_docker.ts";

const DEADLINE_SECONDS = 30;

function assertFailure(run: Run, code: number, ...words: RegExp[]): void {
  assert.equal(run.code, code, run.stderr);
  for (const word of words) assert.match(run.stderr, word);
  assert.match(run.stderr, /\n {2}next {3}\S/, "no next step");
  assert.ok(run.seconds < DEADLINE_SECONDS, `took ${run.seconds} s`);
}

async function up(answers: readonly Answer[], ...args: string[]): Promise<Run> {
  await using machine = await createMachine();
  await scriptDocker(machine.bin, answers);
  return await machine.launch("up", "--without", WITHOUT, ...args);
}

Deno.test("no Docker: says so, and names no task that a packed launcher does not have", async () => {
  await using machine = await createMachine();
  const run = await machine.launch();
  assertFailure(run, EXIT.prerequisite, /Docker is not installed/, /docs\.docker\.com/);
  assert.doesNotMatch(run.stderr, /deno task/);
});

Deno.test("Docker not running: says so", async () => {
  const run = await up([{
    when: "version *",
    stdout: '{"Client":{"Version":"28.2.2"},"Server":null}',
    stderr:
      "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
    code: 1,
  }]);
  assertFailure(run, EXIT.prerequisite, /not running/, /Cannot connect/, /systemctl start docker/);
});

Deno.test("Compose missing: says where to get it", async () => {
  const run = await up([{
    when: "compose version *",
    stderr: "docker: 'compose' is not a docker command.",
    code: 1,
  }]);
  assertFailure(run, EXIT.prerequisite, /Docker Compose is missing/, /docs\.docker\.com\/compose/);
});

Deno.test("a port is taken: names who holds it", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  await using machine = await createMachine();
  await scriptDocker(machine.bin, [{ when: "* config --format json", stdout: configJson({ loki: port }) }]);
  const ss = `#!/bin/sh\necho 'LISTEN 0 9 127.0.0.1:${port} 0.0.0.0:* users:(("node",pid=4711,fd=4))'\n`;
  await Deno.writeTextFile(join(machine.bin, "ss"), ss, { mode: 0o755 });
  const run = await machine.launch("up", "--without", WITHOUT);
  assertFailure(
    run,
    EXIT.prerequisite,
    new RegExp(`Port ${port} is taken, loki needs it`),
    /held by node \(pid 4711\)/,
  );
});

Deno.test("several ports are taken: names each, its holder and the variable that moves it", async () => {
  using loki = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using prometheus = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ports = { loki: loki.addr.port, prometheus: prometheus.addr.port };
  const run = await up([{ when: "* config --format json", stdout: configJson(ports) }], "--json");
  assert.equal(run.code, EXIT.prerequisite, run.stderr);
  const [{ what, cause, next }] = JSON.parse(run.stdout).failures;
  assert.match(what, /^2 ports are taken/);
  for (const port of Object.values(ports)) assert.ok(cause.includes(`${port} is held by`), cause);
  const move = next.find((step: string) => step.includes(".env"));
  assert.match(move, /PROMETHEUS_PORT=\d+ LOKI_PORT=\d+/);
});

Deno.test("a port that an override publishes on every interface is tested without asking for permission", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const config = configJson({ loki: listener.addr.port }).replace("127.0.0.1", "0.0.0.0");
  const run = await up([{ when: "* config --format json", stdout: config }]);
  assertFailure(run, EXIT.prerequisite, /is taken, loki needs it/);
});

Deno.test("a port is taken by a container: names that", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const run = await up([
    { when: "* config --format json", stdout: configJson({ loki: listener.addr.port }) },
    { when: "ps --filter publish=*", stdout: "somebody-loki-1\n" },
  ]);
  assertFailure(
    run,
    EXIT.prerequisite,
    /held by the container somebody-loki-1/,
    /docker stop somebody-loki-1/,
  );
});

Deno.test("an image cannot be pulled: names it, the reason and how to go on without", async () => {
  const run = await up([
    { when: "image inspect * test/loki:1", stderr: "Error: No such image: test/loki:1", code: 1 },
    {
      when: "pull test/loki:1",
      stderr: "Error response from daemon: manifest for test/loki:1 not found",
      code: 1,
    },
  ]);
  assertFailure(
    run,
    EXIT.prerequisite,
    /test\/loki:1 cannot be pulled/,
    /manifest .* not found/,
    /--without loki/,
  );
});

Deno.test("an image of the core cannot be pulled: no advice that the launcher would refuse", async () => {
  const run = await up([
    { when: "image inspect * test/db:1", code: 1 },
    { when: "pull test/db:1", stderr: "manifest unknown", code: 1 },
  ]);
  assertFailure(run, EXIT.prerequisite, /test\/db:1 cannot be pulled/);
  assert.doesNotMatch(run.stderr, /--without/);
});

Deno.test("one failed pull does not end the others, and a pull shows its layers", async () => {
  const layers = ["Pulling fs layer", "Download complete", "Pull complete"].map((state) =>
    `0123456789ab: ${state}`
  );
  const run = await up([
    { when: "image inspect * test/db:1", code: 1 },
    { when: "image inspect * test/loki:1", code: 1 },
    { when: "pull test/db:1", stderr: "manifest unknown", code: 1 },
    { when: "pull test/loki:1", stdout: layers.join("\n") + "\n", seconds: 1 },
  ]);
  assertFailure(run, EXIT.prerequisite, /test\/db:1 cannot be pulled/);
  assert.match(run.stderr, /✔ loki +pulled test\/loki:1/);
});

Deno.test("a published image of ours (APP_IMAGE) is pulled, not built", async () => {
  await using machine = await createMachine();
  const { calls } = await scriptDocker(machine.bin, [
    { when: "image inspect * test/api:1", code: 1 },
    { when: "pull test/api:1", stderr: "not today", code: 1 },
  ]);
  const run = await machine.launch("up", "--without", WITHOUT);
  assertFailure(run, EXIT.prerequisite, /test\/api:1 cannot be pulled/);
  assert.doesNotMatch(await Deno.readTextFile(calls), / build /);
});

Deno.test("a container exits at once: its code, last lines and likely cause", async () => {
  const containers = healthyContainers(1).map((c) =>
    c.service === "loki" ? { ...c, state: "restarting", exitCode: 1 } : c
  );
  const run = await up([
    { when: "* ps --all *", stdout: psJson(containers), afterUp: true },
    { when: "inspect * tp-loki-1", stdout: '[{"RestartCount":4,"State":{"ExitCode":1}}]' },
    { when: "* logs * loki", stdout: "failed parsing config: yaml: line 3: did not find expected key\n" },
  ]);
  assertFailure(
    run,
    EXIT.service,
    /loki exits at once, again and again \(4 times\)/,
    /│ failed parsing config: yaml: line 3/,
    /does not accept its configuration/,
    /logs loki/,
  );
});

Deno.test("Compose refuses to start a service: its own words", async () => {
  const containers = healthyContainers(1).map((c) => c.service === "loki" ? { ...c, state: "created" } : c);
  const words =
    "Error response from daemon: driver failed programming external connectivity on endpoint tp-loki-1 " +
    "(0ab): Bind for 127.0.0.1:3100 failed: port is already allocated";
  const run = await up([
    { when: "* ps --all *", stdout: psJson(containers), afterUp: true },
    { when: "* up --detach *", stderr: words, code: 1 },
  ]);
  assertFailure(run, EXIT.service, /Compose could not start loki/, /its port is taken/, /doctor/);
});

Deno.test("a target stays down: Prometheus's own error", async () => {
  await using stack = fakeStack({ down: { job: "loki", error: "server returned HTTP status 500" } });
  const run = await up([{
    when: "* ps --all *",
    stdout: psJson(healthyContainers(stack.port)),
    afterUp: true,
  }]);
  assertFailure(run, EXIT.target, /target loki stays down/, /HTTP status 500/, /logs loki/);
});

Deno.test("a worker never processes: says so, and what the workers say themselves", async () => {
  await using stack = fakeStack({ neverProcess: true });
  const run = await up([{
    when: "* ps --all *",
    stdout: psJson(healthyContainers(stack.port)),
    afterUp: true,
  }]);
  assertFailure(
    run,
    EXIT.proof,
    /no worker processed it/,
    /not ready: queue down, no broker/,
    /logs kafka-worker/,
  );
});

Deno.test("wrong usage: an unknown verb, service or number", async () => {
  await using machine = await createMachine();
  for (
    const args of [["frob"], ["--without", "db"], ["--without", "nothing"], ["--workers", "11"], [
      "--timeout",
      "x",
    ]]
  ) {
    const run = await machine.launch(...args);
    assert.equal(run.code, EXIT.usage, `${args}: ${run.stderr}`);
  }
});

Deno.test("our own image was never built, and may not be: says so", async () => {
  const config = configJson().replace("test/api:1", "thought-processor");
  const run = await up([
    { when: "* config --format json", stdout: config },
    { when: "image inspect * thought-processor", code: 1 },
    { when: "pull thought-processor", stderr: "pull access denied", code: 1 },
  ], "--no-build");
  assertFailure(
    run,
    EXIT.prerequisite,
    /thought-processor is not here/,
    /pull access denied/,
    /without --no-build/,
  );
});
