/**
 * The launcher on machines that lack something: every verb reports what doctor reports, and exits as
 * documented.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../stack/failure.ts";
import { createMachine, inheritedEnvironment } from "./run_launcher.ts";
import { fakeStack } from "./fake_stack.ts";
import {
  type Answer,
  configJson,
  healthyContainers,
  psJson,
  scriptDocker,
  WITHOUT,
} from "./scripted_docker.ts";

const VERBS = [["up"], ["status"], ["verify"], ["urls"], ["logs"], ["doctor"], ["drill", "redis-down"], [
  "down",
]];

const STOPPED: Answer = {
  when: "version *",
  stdout: '{"Client":{"Version":"28.2.2"},"Server":null}',
  stderr: "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
  code: 1,
};
const NO_COMPOSE: Answer = {
  when: "compose *",
  stderr: "docker: 'compose' is not a docker command.",
  code: 1,
};

for (
  const [machine, answers, words] of [
    ["without Docker", undefined, /Docker is not installed[\s\S]*docs\.docker\.com/],
    ["with a stopped engine", [STOPPED], /not running[\s\S]*systemctl start docker/],
    [
      "without the Compose plugin",
      [NO_COMPOSE],
      /Docker Compose is missing[\s\S]*docs\.docker\.com\/compose/,
    ],
  ] as const
) {
  Deno.test(`${machine} every verb says so, and ends with 3`, async () => {
    await using sandbox = await createMachine();
    if (answers) await scriptDocker(sandbox.bin, answers);
    await Promise.all(VERBS.map(async (verb) => {
      const run = await sandbox.launch(...verb);
      assert.equal(run.code, EXIT.prerequisite, `${verb}: ${run.stderr}`);
      assert.match(run.stderr, words, `${verb}`);
    }));
  });
}

Deno.test("these tests keep what a machine behind a TLS-inspecting proxy needs, and nothing else", () => {
  const given: Record<string, string> = {
    DENO_TLS_CA_STORE: "system",
    DENO_CERT: "/ca.pem",
    HTTPS_PROXY: "http://proxy:3128",
    DATABASE_URL: "postgres://elsewhere",
  };
  const { DATABASE_URL: _, ...kept } = given;
  assert.deepEqual(inheritedEnvironment((name) => given[name]), kept);
});

Deno.test("variables of the dynamic linker, as CUDA and conda set them, change nothing", async () => {
  await using sandbox = await createMachine();
  await scriptDocker(sandbox.bin, []);
  const env = { LD_LIBRARY_PATH: "/opt/cuda/lib64", LD_AUDIT: "", DYLD_LIBRARY_PATH: "/opt/conda/lib" };
  const run = await sandbox.launchWith(env, "down");
  assert.equal(run.code, EXIT.ok, run.stderr);
});

Deno.test("where containers cannot see log files, promtail is left out, and the summary says so", async () => {
  await using stack = fakeStack();
  await using sandbox = await createMachine();
  const config = JSON.parse(configJson());
  const logs = "/var/lib/docker/containers";
  config.services.promtail = { image: "test/promtail:1", volumes: [{ source: logs, target: logs }] };
  const { calls } = await scriptDocker(sandbox.bin, [
    { when: "* config --format json", stdout: JSON.stringify(config) },
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: true },
    {
      when: "run --rm *",
      stderr: "docker: Error response from daemon: bind source path does not exist",
      code: 125,
    },
  ]);
  const without = WITHOUT.split(",").filter((name) => name !== "promtail").join(",");
  const run = await sandbox.launch("up", "--without", without, "--no-verify");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.match(run.stderr, /▲ log files +promtail is left out: containers cannot see Docker's log files/);
  assert.match(run.stdout, /left out: .*promtail/);
  const [line] = (await Deno.readTextFile(calls)).split("\n").filter((call) =>
    call.includes(" up --detach ")
  );
  assert.doesNotMatch(line!, /promtail/);
  assert.match((await sandbox.launch("status")).stdout, /left out: .*promtail/, "status remembers it");
});

Deno.test("where containers see Docker's socket and not its log files, promtail reads by the API, and that is remembered", async () => {
  await using sandbox = await createMachine();
  const config = JSON.parse(configJson());
  const logs = "/var/lib/docker/containers";
  config.services.promtail = { image: "test/promtail:1", volumes: [{ source: logs, target: logs }] };
  const { environments } = await scriptDocker(sandbox.bin, [
    { when: "* config --format json", stdout: JSON.stringify(config) },
    {
      when: "* ps --all *",
      stdout: psJson(
        [...healthyContainers(1), { service: "promtail" }].filter(({ service }) => service !== "prometheus"),
      ),
      afterUp: true,
    },
    { when: "run --rm *source=/var/run,*" },
    { when: "run --rm *", stderr: "bind source path does not exist", code: 125 },
  ]);
  // Without Prometheus there are no targets to wait for.
  const without = WITHOUT.replace("promtail", "prometheus");
  const run = await sandbox.launch("up", "--without", without, "--no-verify");
  assert.equal(run.code, EXIT.ok, run.stderr);
  assert.match(run.stderr, /✔ log files +promtail reads by Docker's API/);
  const lines = (await Deno.readTextFile(environments)).split("\n");
  const upped = lines.find((line) => line.includes(" up --detach "))!;
  assert.match(upped, / promtail\b.* docker-api$/);
  const overlay = /COMPOSE_FILE=docker-compose\.yml:docker-compose\.logs\.yml/;
  assert.match(upped, overlay);
  await sandbox.launch("down");
  const given = (await Deno.readTextFile(environments)).split("\n");
  assert.match(given.find((line) => line.includes(" down "))!, overlay);
});

Deno.test("where the engine gives two workers one port, each takes any free one, and that is remembered", async () => {
  await using stack = fakeStack();
  await using sandbox = await createMachine();
  const collision =
    "Error response from daemon: driver failed programming external connectivity on endpoint " +
    "tp-kafka-worker-2: Bind for 127.0.0.1:8001 failed: port is already allocated";
  const { environments } = await scriptDocker(sandbox.bin, [
    { when: "* up --detach *", stderr: collision, code: 1, once: true, seconds: 1 },
    { when: "* up --detach *", seconds: 0.5 },
    { when: "* ps --all *", stdout: psJson(healthyContainers(stack.port)), afterUp: 2 },
    { when: "* ps --all *" },
  ]);
  const run = await sandbox.launch("up", "--without", WITHOUT, "--no-verify");
  assert.equal(run.code, EXIT.ok, run.stderr);
  const lines = (await Deno.readTextFile(environments)).split("\n");
  const ups = lines.filter((line) => line.includes(" up --detach "));
  assert.deepEqual(ups.map((variables) => /WORKER_PORTS=\S+/.exec(variables)?.[0]), [
    undefined,
    "WORKER_PORTS=0",
  ]);
  assert.match(await Deno.readTextFile(join(sandbox.state, "launcher.json")), /"WORKER_PORTS":"0"/);
});

Deno.test("a state folder that cannot be made is a failure with a next step", async () => {
  await using sandbox = await createMachine();
  const file = join(sandbox.dir, "file");
  await Deno.writeTextFile(file, "");
  const run = await sandbox.launchWith({ XDG_STATE_HOME: file }, "doctor", "--json");
  assert.equal(run.code, EXIT.prerequisite, run.stderr);
  const { failures } = JSON.parse(run.stdout);
  assert.match(failures[0].cause, new RegExp(file));
  assert.ok(failures[0].next.length > 0);
});

Deno.test("without any home there is a failure with a next step", async () => {
  await using sandbox = await createMachine();
  const run = await sandbox.launchWith({ XDG_STATE_HOME: "", HOME: "" }, "doctor");
  assert.equal(run.code, EXIT.prerequisite, run.stderr);
  assert.match(run.stderr, /no folder for the stack's files[\s\S]*set XDG_STATE_HOME/);
});
