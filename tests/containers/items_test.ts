/** The containers against the CIS Docker Benchmark, item by item, and each check against what breaks it. */
import assert from "node:assert/strict";
import { readComposeFile, readRepositoryFile } from "../support/compose_file.ts";
import { ROOT } from "../support/process.ts";
import { type Container, containersOf } from "./container.ts";
import { IMAGE_ITEMS } from "./image_items.ts";
import { type Item, offences } from "./item.ts";
import { RUNTIME_ITEMS } from "./runtime_items.ts";

const ITEMS = [...IMAGE_ITEMS, ...RUNTIME_ITEMS];
const dockerfile = readRepositoryFile("Dockerfile");
const { services } = readComposeFile();
const containers = containersOf(services);

const compose = await renderedByCompose();

Deno.test("every item of sections 4 and 5 is there, once", () => {
  const numbers = (section: number, count: number) =>
    Array.from({ length: count }, (_, i) => `${section}.${i + 1}`);
  const ids = ITEMS.map(({ id }) => id).filter((id) => !id.endsWith("b"));
  assert.deepEqual(ids, [...numbers(4, 12), ...numbers(5, 32)]);
});

for (const item of ITEMS) {
  if (item.check.of === "containers" || item.check.of === "Dockerfile") {
    Deno.test(`CIS ${item.id}: ${item.title}`, () =>
      assert.deepEqual(offences(item, containers, dockerfile), []));
  } else {
    Deno.test(`CIS ${item.id} is not checked, and says why`, () => assert.ok(item.note));
  }
}

Deno.test({
  name: "the items hold for the file as Compose itself renders it",
  ignore: compose === undefined,
  fn() {
    assert.deepEqual(compose!.map(({ name }) => name).sort(), Object.keys(services).sort());
    assert.deepEqual(ITEMS.flatMap((item) => offences(item, compose!, dockerfile)), []);
  },
});

/** For each check, what a service must not have, or a line that the Dockerfile must not. */
const BROKEN: Readonly<Record<string, Readonly<Record<string, unknown>> | string>> = {
  "4.1": { user: "0:0" },
  "4.2": "FROM example/deno:latest",
  "4.3": "RUN apt-get install -y curl",
  "4.7": "RUN apk update",
  "4.9": "ADD https://example.com/x /x",
  "4.10": "ENV OPENAI_API_KEY=sk-1",
  "4.11": "RUN deno cache api/main.ts",
  "5.2": { security_opt: ["no-new-privileges:true", "apparmor:unconfined"] },
  "5.3": { security_opt: ["no-new-privileges:true", "label=disable"] },
  "5.4": { cap_add: ["NET_ADMIN"] },
  "5.5": { privileged: true },
  "5.6": { volumes: ["/etc:/host/etc:ro"] },
  "5.6 b": { volumes: ["/:/host"] },
  "5.7": { command: ["/usr/sbin/sshd", "-D"] },
  "5.8": { ports: ["127.0.0.1:80:8000"] },
  "5.9": { ports: ["127.0.0.1:8000:8000", "127.0.0.1:8080:8080"] },
  "5.10": { network_mode: "host" },
  "5.11": { deploy: { resources: { limits: { cpus: "1", pids: 8 } } } },
  "5.12": { deploy: { resources: { limits: { memory: "1g", pids: 8 } } } },
  "5.13": { read_only: false },
  "5.14": { ports: ["8000:8000"] },
  "5.15": { restart: "always" },
  "5.16": { pid: "host" },
  "5.17": { ipc: "host" },
  "5.18": { devices: ["/dev/sda"] },
  "5.19": { ulimits: { nofile: 1_000_000 } },
  "5.20": { volumes: ["./config:/config:ro,rshared"] },
  "5.21": { uts: "host" },
  "5.22": { security_opt: ["no-new-privileges:true", "seccomp:unconfined"] },
  "5.25": { cgroup_parent: "/elsewhere" },
  "5.26": { security_opt: [] },
  "5.27": { healthcheck: undefined },
  "5.28": { image: "redis:latest" },
  "5.29": { deploy: { resources: { limits: { cpus: "1", memory: "1g" } } } },
  "5.30": { networks: undefined },
  "5.31": { userns_mode: "host" },
  "5.32": { volumes: ["/var/run/docker.sock:/var/run/docker.sock:ro"] },
};

Deno.test("each check refuses what breaks it, and names the service", () => {
  for (const item of ITEMS) {
    if (item.check.of !== "containers" && item.check.of !== "Dockerfile") continue;
    const broken = BROKEN[item.id];
    assert.ok(broken !== undefined, `${item.id}: nothing here breaks it`);
    const found = typeof broken === "string"
      ? offences(item, containers, `${dockerfile}\n${broken}`)
      : offences(item, containersOf({ ...services, api: { ...services.api, ...broken } }), dockerfile);
    assert.equal(found.length, 1, `${item.id}: ${found}`);
  }
});

Deno.test("an exception that is no longer needed is an offence too", () => {
  const item = RUNTIME_ITEMS.find(({ id }) => id === "5.13") as Item;
  const mended = containersOf({ ...services, kafka: { ...services.kafka, read_only: true } });
  assert.deepEqual(offences(item, mended, dockerfile), ["5.13: kafka needs no exception any more"]);
});

/** @returns undefined where Compose is not installed */
async function renderedByCompose(): Promise<Container[] | undefined> {
  const args = [
    "compose",
    "--env-file",
    "/dev/null",
    "--profile",
    "monitoring",
    "config",
    "--format",
    "json",
  ];
  try {
    const { success, stdout } = await new Deno.Command("docker", { args, cwd: ROOT, stderr: "null" })
      .output();
    return success ? containersOf(JSON.parse(new TextDecoder().decode(stdout)).services, ROOT) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
