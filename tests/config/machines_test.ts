/** What makes the stack start on people's machines: line endings, proxies, SELinux, limits, health checks. */
import assert from "node:assert/strict";
import { openKeys } from "../../api/keys.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { CANARY_USER } from "../../core/thought.ts";
import { join } from "node:path";
import { THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import { parse } from "yaml";
import { readComposeFile, readRepositoryFile, variables } from "../support/compose_file.ts";
import { ROOT } from "../support/process.ts";

const text = readRepositoryFile("docker-compose.yml");
const { services } = readComposeFile();
const entries = Object.entries(services);

Deno.test("a Windows checkout keeps the line endings that containers need", async () => {
  const dir = await Deno.makeTempDir();
  const git = async (...args: string[]) => {
    const command = new Deno.Command("git", { args: ["-c", "user.name=t", "-c", "user.email=t@t", ...args] });
    const { success, stderr } = await command.output();
    assert.ok(success, new TextDecoder().decode(stderr));
  };
  try {
    const [origin, clone] = [join(dir, "origin"), join(dir, "clone")];
    const files = [
      "config/http-probe.sh",
      "config/start.sh",
      "config/postgres/roles.sh",
      "config/prometheus.yml",
      ".env.example",
    ];
    for (const file of [".gitattributes", ...files]) {
      await Deno.mkdir(join(origin, file, ".."), { recursive: true });
      await Deno.copyFile(join(ROOT, file), join(origin, file));
    }
    await git("init", "-q", origin);
    await git("-C", origin, "add", ".");
    await git("-C", origin, "commit", "-qm", "files");
    await git("-c", "core.autocrlf=true", "clone", "-q", origin, clone);
    for (const file of files) assert.ok(!(await Deno.readTextFile(join(clone, file))).includes("\r"), file);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("monitoring uses no proxy of Docker's client, and our processes none for the stack's own services", () => {
  for (const [name, { profiles, environment }] of entries) {
    if (!profiles?.includes("monitoring")) continue;
    for (const variable of ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"]) {
      assert.equal(environment?.[variable], "", `${name}: ${variable}`);
    }
  }
  for (const name of ["api", "kafka-worker"]) {
    const { NO_PROXY, no_proxy } = services[name]!.environment!;
    assert.match(String(NO_PROXY), /^db,redis,kafka,tempo,api,/, name);
    assert.equal(no_proxy, NO_PROXY, name);
  }
});

Deno.test("every limit of CPU and memory is a variable, so that 0 can stand for none", () => {
  const limits = [...text.matchAll(/^ *limits: \{ cpus: (\S+), memory: (\S+), pids/gm)];
  assert.equal(limits.length, 13);
  for (const [line, cpus, memory] of limits) {
    assert.match(cpus!, /^"\$\{[A-Z]+_CPUS:-[\d.]+\}"$/, line);
    assert.match(memory!, /^"\$\{[A-Z]+_MEMORY:-\d+[mg]\}"$/, line);
  }
  const none = readComposeFile({ API_CPUS: "0", API_MEMORY: "0" }).services.api!.deploy!.resources.limits;
  assert.deepEqual([none.cpus, none.memory], ["0", "0"]);
});

Deno.test("where SELinux is on, the project's files are relabelled and the host's are not", () => {
  for (const [name, { volumes = [], security_opt = [] }] of entries) {
    const own = volumes.filter((volume) => volume.startsWith("./"));
    const host = volumes.filter((volume) => volume.startsWith("/"));
    for (const volume of own) assert.match(volume, /:ro,z$/, `${name}: ${volume}`);
    for (const volume of host) assert.match(volume, /:ro$/, `${name}: ${volume}`);
    assert.equal(security_opt.includes("label=disable"), host.length > 0, name);
  }
});

Deno.test("a health check that times out leaves no zombie: init reaps, and no check is a pipe", () => {
  for (const [name, service] of entries) {
    assert.equal(service.init, true, name);
    assert.doesNotMatch(service.healthcheck?.test.join(" ") ?? "", /[^|]\|[^|]/, name);
  }
});

Deno.test("the database is healthy only once its role can log in", () => {
  assert.match(
    services.db!.healthcheck!.test.at(-1)!,
    /pg_isready .*-h 127\.0\.0\.1 .*&&\s+psql .*-U thoughts /s,
  );
});

Deno.test("V8's heap ends below the container's limit, and above the memory alert's threshold", () => {
  const MIB = 1024 ** 2;
  const defaults = variables(text);
  for (
    const [heap, memory, service, alert] of [
      ["API_HEAP_MB", "API_MEMORY", "api", THRESHOLDS.apiMemory.warn],
      ["WORKER_HEAP_MB", "WORKER_MEMORY", "kafka-worker", THRESHOLDS.workerMemory.warn],
    ] as const
  ) {
    const heapBytes = Number(defaults.get(heap)) * MIB;
    const limit = parseInt(defaults.get(memory)!) * MIB;
    assert.ok(
      services[service]!.command!.join(" ").includes(`--max-old-space-size=${defaults.get(heap)}`),
      service,
    );
    // Beside the heap a process has about 100 MiB: code, stacks, buffers.
    assert.ok(heapBytes > alert && heapBytes + 100 * MIB < limit, `${service}: ${heapBytes}`);
  }
});

Deno.test("every declared volume of an image is mounted, so that no anonymous one is left behind", () => {
  // As the images declare them: `docker image inspect -f '{{.Config.Volumes}}'`.
  const declared = {
    db: ["/var/lib/postgresql"],
    redis: ["/data"],
    kafka: ["/etc/kafka/secrets", "/mnt/shared/config", "/var/lib/kafka/data"],
    prometheus: ["/prometheus"],
    alertmanager: ["/alertmanager"],
  };
  for (const [name, paths] of Object.entries(declared)) {
    const { volumes = [], tmpfs = [] } = services[name]!;
    const mounted = [
      ...volumes.map((volume) => volume.split(":")[1]),
      ...tmpfs.map((mount) => mount.split(":")[0]),
    ];
    for (const path of paths) assert.ok(mounted.includes(path), `${name}: ${path}`);
  }
});

Deno.test("logs from before the monitoring started are dropped where Loki would refuse them", () => {
  const { scrape_configs } = parse(readRepositoryFile("config/promtail-config.yml"));
  const drops = scrape_configs[0].pipeline_stages.map((stage: { drop?: { older_than?: string } }) =>
    stage.drop?.older_than
  );
  assert.ok(drops.includes("${LOKI_RETENTION}"), `${drops}`);
  assert.equal(services.promtail!.environment!.LOKI_RETENTION, services.loki!.environment!.LOKI_RETENTION);
});

Deno.test("Tempo stops at once: an idle worker waits for no job", () => {
  const { backend_worker } = parse(readRepositoryFile("config/tempo-config.yml"));
  assert.match(backend_worker.finish_on_shutdown_timeout, /^[1-3]s$/);
});

/** A script for a container, run by this machine's shell. */
const testOfScript = (name: string, fn: (dir: string) => Promise<void>) =>
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    async fn() {
      const dir = await Deno.makeTempDir();
      const folders = services.secrets!.volumes!.map((volume) => volume.split(":/secrets/")[1]!);
      for (const folder of folders) await Deno.mkdir(join(dir, folder));
      await Deno.writeTextFile(join(dir, "hostname"), "first");
      try {
        await fn(dir);
      } finally {
        await Deno.remove(dir, { recursive: true });
      }
    },
  });

const SECRETS = Object.fromEntries(
  Object.keys(services.secrets!.environment!).map((name) => [name, `p"a\\ss of ${name}`]),
);

async function layOutSecrets(dir: string): Promise<void> {
  const script = services.secrets!.command!.at(-1)!.replaceAll("/secrets/", `${dir}/`)
    .replaceAll("/etc/hostname", `${dir}/hostname`);
  // Like the container: root without capabilities, which writes to no file that is read-only.
  const asRoot = Deno.uid() === 0 ? ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] : [];
  const [program, ...args] = [...asRoot, "sh", "-euc", script];
  const { success, stderr } = await new Deno.Command(program!, { args, env: SECRETS }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

testOfScript(
  "the password files are written although an interrupted run left a read-only file",
  async (dir) => {
    await Deno.writeTextFile(join(dir, "postgres", "password.new"), "half", { mode: 0o444 });
    await layOutSecrets(dir);
    assert.equal(await Deno.readTextFile(join(dir, "postgres", "password")), SECRETS.POSTGRES_PASSWORD);
  },
);

testOfScript(
  "the stack's own keys do what they are for, and are new with each container that makes them",
  async (dir) => {
    const keyOf = (who: string) => Deno.readTextFileSync(join(dir, who, "api_key"));
    const log = createLogger({ service: "test", write: () => {} });
    const WHO = ["canary", "alertmanager", "launcher"];
    await layOutSecrets(dir);
    const first = WHO.map(keyOf);
    {
      using keys = openKeys({ paths: [join(dir, "api", "keys")], log });
      const grants = first.map((key) => keys.find(key)!);
      assert.deepEqual(grants.map(({ name, user, scopes }) => [name, user, ...scopes]), [
        ["stack-canary", CANARY_USER, "read", "write", "delete"],
        ["stack-alertmanager", null, "alerts"],
        ["stack-launcher", null, "read", "write", "delete"],
      ]);
    }
    await layOutSecrets(dir);
    assert.deepEqual(WHO.map(keyOf), first, "the container was started again");

    await Deno.writeTextFile(join(dir, "hostname"), "second");
    await layOutSecrets(dir);
    using keys = openKeys({ paths: [join(dir, "api", "keys")], log });
    assert.deepEqual(first.map((key) => keys.find(key)), [undefined, undefined, undefined]);
    assert.deepEqual(WHO.map((who) => keys.find(keyOf(who))?.name), WHO.map((who) => `stack-${who}`));
  },
);
