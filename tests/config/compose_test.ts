/**
 * What docker-compose.yml, .env.example and the Dockerfile promise: profiles, health checks, secrets, bounds.
 */
import assert from "node:assert/strict";
import {
  type ComposeService,
  readComposeFile,
  readRepositoryFile,
  variables,
} from "../support/compose_file.ts";

// What a container may do is checked item by item in tests/containers; here is how the services relate.
const compose = readComposeFile();
const services = Object.entries(compose.services);
const CORE = ["secrets", "db", "redis", "kafka", "api", "kafka-worker", "webhooks"];
/** Writes the password files and exits: neither restarted nor checked. */
const isOneShot = (service: ComposeService) => service.restart === "no";

Deno.test("the core needs no profile, all its monitoring is in `monitoring`", () => {
  const core = services.filter(([, service]) => !service.profiles).map(([name]) => name);
  assert.deepEqual(core, CORE);
  for (const [name, service] of services) {
    if (!CORE.includes(name)) assert.deepEqual(service.profiles, ["monitoring"], name);
  }
  assert.equal(services.length, 18);
});

Deno.test("every service has time to stop and bounded logs", () => {
  for (const [name, service] of services) {
    assert.match(service.stop_grace_period ?? "", /^\d+s$/, `${name}: stop_grace_period`);
    assert.equal(service.logging?.driver, "json-file", name);
    assert.deepEqual(
      Object.keys(service.logging?.options ?? {}),
      ["max-size", "max-file", "tag", "labels"],
      name,
    );
  }
});

Deno.test("health checks use an address, with patience, and only what old engines support", () => {
  for (const [name, { healthcheck }] of services) {
    if (healthcheck === undefined) continue;
    // An address, not a name: `localhost` may be ::1, where nothing listens.
    assert.ok(!healthcheck.test.join(" ").includes("localhost"), name);
    assert.ok(healthcheck.retries > 0 && healthcheck.start_period, name);
    // Docker before 25 refuses it.
    assert.ok(!("start_interval" in healthcheck), name);
  }
});

Deno.test("the stores are reachable from inside alone", () => {
  assert.equal(compose.networks.data?.internal, true);
  for (const name of ["db", "redis", "kafka"]) {
    assert.deepEqual(compose.services[name]?.networks, ["data"], name);
  }
});

Deno.test("Prometheus lets no other site's page read it, and no one stop, reload or delete", () => {
  const flags = compose.services.prometheus!.command!;
  assert.ok(flags.includes("--web.cors.origin=http://localhost:9090"));
  assert.deepEqual(flags.filter((flag) => /enable-(lifecycle|admin-api)/.test(flag)), []);
});

Deno.test("passwords reach long-running services as files", () => {
  for (const [name, service] of services) {
    if (isOneShot(service)) continue;
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      if (!/PASS|API_KEY(?!S)|SECRET|TOKEN(?!S)/.test(variable)) continue;
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

Deno.test("with a key file the API admits its keys and the stack's own, and each of those is mounted by one service", () => {
  const folder = "/home/ada/keys";
  assert.equal(compose.services.api!.environment!.API_KEYS_FILE, "");
  const { api, canary } = readComposeFile({ API_KEYS_DIR: folder }).services;
  assert.equal(api!.environment!.API_KEYS_FILE, "/run/secrets/api_keys/keys,/run/secrets/api/keys");
  assert.ok(api!.volumes!.includes(`${folder}:/run/secrets/api_keys:ro,z`));
  assert.ok(canary!.command!.includes("--key-file=/run/secrets/canary/api_key"));
  for (
    const [volume, users] of [
      ["canary_secret", ["canary"]],
      ["alertmanager_secret", ["alertmanager"]],
      ["launcher_secret", []],
    ] as const
  ) {
    const mounting = services.filter(([, { volumes = [] }]) =>
      volumes.some((it) => it.startsWith(`${volume}:`))
    );
    assert.deepEqual(mounting.map(([name]) => name), ["secrets", ...users], volume);
  }
});

Deno.test("services wait for the health of what they need, and the core not for its monitoring", () => {
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
      if (source.startsWith("./")) {
        assert.ok(Deno.statSync(new URL(`../../${source}`, import.meta.url)), volume);
      } else if (!source.startsWith("/")) assert.ok(source in compose.volumes, `${name}: ${source}`);
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

Deno.test("the image starts programs that exist, with their permission sets, as an unprivileged user", () => {
  const dockerfile = readRepositoryFile("Dockerfile");
  const { permissions } = JSON.parse(readRepositoryFile("deno.json"));
  const commands = [
    JSON.parse(/^CMD (.*)$/m.exec(dockerfile)![1]!) as string[],
    compose.services["kafka-worker"]!.command!,
  ];
  for (const command of commands) {
    const [start, program = ""] = command;
    assert.equal(start, "start");
    assert.ok(program in permissions, program);
    assert.ok(readRepositoryFile(`${program}/main.ts`), program);
  }
  assert.match(dockerfile, /^USER deno$/m);
  assert.match(dockerfile, /^COPY config\/start\.sh \/usr\/local\/bin\/start$/m);
});
