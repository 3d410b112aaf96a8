import assert from "node:assert/strict";
import {
  type ComposeService,
  readComposeFile,
  readRepositoryFile,
  variables,
} from "./support/compose_file.ts";

const compose = readComposeFile();
const services = Object.entries(compose.services);
const CORE = ["secrets", "db", "redis", "kafka", "api", "kafka-worker"];
/** Lays the passwords out and exits: neither restarted nor checked. */
const isOneShot = (service: ComposeService) => service.restart === "no";

Deno.test("the core needs no profile, everything that watches it is in `monitoring`", () => {
  const core = services.filter(([, service]) => !service.profiles).map(([name]) => name);
  assert.deepEqual(core, CORE);
  for (const [name, service] of services) {
    if (!CORE.includes(name)) assert.deepEqual(service.profiles, ["monitoring"], name);
  }
  assert.equal(services.length, 16);
});

Deno.test("no service can do more than it must", () => {
  for (const [name, service] of services) {
    assert.deepEqual(service.cap_drop, ["ALL"], `${name}: capabilities`);
    assert.equal(service.cap_add, undefined, `${name}: capabilities`);
    assert.equal(service.privileged, undefined, `${name}: privileged`);
    assert.deepEqual(service.security_opt, ["no-new-privileges:true"], name);
    // Kafka's image writes its configuration into itself at start.
    assert.equal(service.read_only, name !== "kafka", `${name}: read_only`);
    assert.ok(!service.volumes?.some((volume) => volume.includes("docker.sock")), `${name}: Docker's socket`);
  }
});

Deno.test("only what reads or writes root's files runs as root", () => {
  const root = services.filter(([, service]) => service.user?.startsWith("0")).map(([name]) => name);
  assert.deepEqual(root, ["secrets", "promtail"]);
  // These images would start as root.
  for (const name of ["db", "redis"]) assert.match(compose.services[name]?.user ?? "", /^[1-9]/, name);
});

Deno.test("every service has limits, a restart policy, time to stop and bounded logs", () => {
  for (const [name, service] of services) {
    const limits = service.deploy?.resources.limits;
    assert.match(limits?.memory ?? "", /^\d+[mg]$/, `${name}: memory`);
    assert.ok(Number(limits?.cpus) > 0 && Number(limits?.cpus) <= 1, `${name}: a machine may have one core`);
    assert.ok(Number(limits?.pids) > 0, `${name}: pids`);
    assert.ok(isOneShot(service) || service.restart === "unless-stopped", `${name}: restart`);
    assert.match(service.stop_grace_period ?? "", /^\d+s$/, `${name}: stop_grace_period`);
    assert.equal(service.logging?.driver, "json-file", name);
    assert.deepEqual(
      Object.keys(service.logging?.options ?? {}),
      ["max-size", "max-file", "tag", "labels"],
      name,
    );
  }
});

Deno.test("every long-running service has a health check", () => {
  for (const [name, service] of services) {
    if (isOneShot(service)) continue;
    assert.match(service.healthcheck?.test[0] ?? "", /^CMD/, name);
    // An address, not a name: `localhost` may be ::1, where nothing listens.
    assert.ok(!service.healthcheck?.test.join(" ").includes("localhost"), name);
    assert.ok(service.healthcheck!.retries > 0 && service.healthcheck!.start_period, name);
    // Docker before 25 refuses it.
    assert.ok(!("start_interval" in service.healthcheck!), name);
  }
});

Deno.test("every image is one exact version", () => {
  for (const [name, service] of services) {
    if (service.image === "thought-processor") continue;
    assert.match(service.image, /^[a-z0-9/_-]+:v?\d+\.\d+(\.\d+)?$/, name);
  }
  assert.match(readRepositoryFile("Dockerfile"), /^FROM denoland\/deno:\d+\.\d+\.\d+$/m);
});

Deno.test("ports are published on the loopback address, and no others than promised", () => {
  const published = services.flatMap(([, service]) => service.ports ?? []);
  for (const port of published) assert.match(port, /^127\.0\.0\.1:/);
  assert.deepEqual(published.map((port) => port.replace(/^127\.0\.0\.1:|:\d+$/g, "")), [
    "8000",
    "8001-8010",
    "9090",
    "9093",
    "3001",
    "3100",
    "3200",
  ]);
});

Deno.test("the stores are reachable from inside alone", () => {
  assert.equal(compose.networks.data?.internal, true);
  for (const name of ["db", "redis", "kafka"]) {
    assert.deepEqual(compose.services[name]?.networks, ["data"], name);
  }
});

Deno.test("passwords reach long-running services as files", () => {
  for (const [name, service] of services) {
    if (isOneShot(service)) continue;
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      if (!/PASS|API_KEY|SECRET|TOKEN/.test(variable)) continue;
      assert.match(variable, /_FILE$/, `${name}: ${variable}`);
      assert.match(String(value), /^\/run\/secrets\//, `${name}: ${variable}`);
      const folder = String(value).replace(/\/[^/]+$/, "");
      assert.ok(
        service.volumes?.some((volume) => volume.endsWith(`:${folder}:ro`)),
        `${name} mounts ${folder}`,
      );
    }
    const mountsSecret = service.volumes?.some((volume) => volume.includes("/run/secrets/"));
    // restart: a changed password restarts who uses it.
    const waits = service.depends_on?.secrets;
    if (mountsSecret) {
      assert.deepEqual(waits, { condition: "service_completed_successfully", restart: true }, name);
    }
  }
});

Deno.test("services wait for the health of what they need, and the core for nothing that watches it", () => {
  for (const [name, service] of services) {
    for (const [needed, { condition }] of Object.entries(service.depends_on ?? {})) {
      if (needed !== "secrets") assert.equal(condition, "service_healthy", `${name} → ${needed}`);
      if (CORE.includes(name)) assert.ok(CORE.includes(needed), `${name} → ${needed}`);
    }
  }
  // Kafka's outage refuses no thought.
  assert.ok(!("kafka" in compose.services.api!.depends_on!));
});

Deno.test("every volume, network and mounted file exists", () => {
  for (const [name, service] of services) {
    for (const network of service.networks ?? []) {
      assert.ok(network in compose.networks, `${name}: ${network}`);
    }
    for (const volume of service.volumes ?? []) {
      const source = volume.split(":")[0]!;
      if (source.startsWith("./")) assert.ok(Deno.statSync(new URL(`../${source}`, import.meta.url)), volume);
      else if (!source.startsWith("/")) assert.ok(source in compose.volumes, `${name}: ${source}`);
    }
  }
});

Deno.test("workers: three by default, and as many expected as started", () => {
  for (const [env, count] of [[{}, "3"], [{ WORKER_REPLICAS: "5" }, "5"]] as const) {
    const worker = readComposeFile(env).services["kafka-worker"]!;
    assert.equal(String(worker.deploy?.replicas), count);
    assert.equal(String(worker.environment?.EXPECTED_WORKERS), count);
  }
});

Deno.test(".env.example lists every variable with its default, and no other", () => {
  const listed = new Map(
    [...readRepositoryFile(".env.example").matchAll(/^#([A-Z_]+)=(.*)$/gm)].map((
      [, name, value],
    ) => [name!, value!]),
  );
  const used = variables(readRepositoryFile("docker-compose.yml"));
  assert.deepEqual([...listed.keys()].sort(), [...used.keys()].sort());
  for (const [name, fallback] of used) if (fallback) assert.equal(listed.get(name), fallback, name);
});

Deno.test("the image runs entry points that exist, with permission sets that exist, as nobody special", () => {
  const dockerfile = readRepositoryFile("Dockerfile");
  const { permissions } = JSON.parse(readRepositoryFile("deno.json"));
  const commands = [
    JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!) as string[],
    compose.services["kafka-worker"]!.command!,
  ];
  for (const command of commands) {
    const set = command.find((word) => word.startsWith("-P="))!.slice(3);
    assert.ok(set in permissions, set);
    assert.ok(readRepositoryFile(command.at(-1)!), command.at(-1));
  }
  assert.match(dockerfile, /^USER deno$/m);
});
