/** What doctor reports about engines, Compose plugins, machines and files. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fakeHost } from "../../tests/launcher/fake_host.ts";
import { configJson, infoJson } from "../../tests/launcher/scripted_docker.ts";
import { readRepositoryFile, variables } from "../../tests/support/compose_file.ts";
import type { Finding } from "../checklist.ts";
import { CPU_VARIABLES, engineVariables, findLogSource } from "../docker/adaptation.ts";
import { createCompose } from "../docker/compose.ts";
import { createDocker } from "../docker/docker.ts";
import { LaunchFailure } from "../failure.ts";
import { checkoutPaths } from "../paths.ts";
import { checkConfigFiles } from "./config_files.ts";
import { checkCompose, checkEngine, checkPlatform } from "./engine.ts";
import { checkDisk, checkMemory } from "./resources.ts";

interface Machine {
  readonly engine?: string;
  readonly version?: string;
  readonly compose?: string;
  readonly buildx?: string;
  readonly info?: Record<string, unknown>;
  readonly endpoint?: string;
  readonly df?: string;
  readonly config?: string;
  readonly probe?: { readonly code: number; readonly stderr: string };
}

function machine(
  { engine = "28.2.2", version, compose = "2.40.3", buildx, info = {}, endpoint, df, config, probe }: Machine,
) {
  const host = fakeHost({
    run: (line) => {
      if (line.startsWith("docker version")) {
        return {
          stdout: version ?? JSON.stringify({ Client: { Version: engine }, Server: { Version: engine } }),
        };
      }
      if (line.startsWith("docker compose version")) return { stdout: compose };
      if (line.startsWith("docker buildx")) {
        return buildx ? { stdout: `github.com/docker/buildx v${buildx} 1` } : { code: 1 };
      }
      if (line.startsWith("docker info")) return { stdout: infoJson(info) };
      if (line.startsWith("docker context")) return { stdout: endpoint ?? "unix:///var/run/docker.sock" };
      if (line.startsWith("df ")) {
        return df
          ? { stdout: `Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 1 1 ${df} 1% /\n` }
          : { code: 1 };
      }
      if (line.includes(" config --format json")) return { stdout: config ?? configJson() };
      if (line.startsWith("docker run")) return probe ?? {};
      return {};
    },
  });
  return {
    host,
    docker: createDocker(host),
    compose: createCompose({ host, paths: checkoutPaths("/nowhere") }),
  };
}

const said = (found: string | Finding) =>
  typeof found === "string" ? found : [found.text, ...found.notes ?? []].join("; ");
const refusal = async (check: Promise<unknown>) => {
  const failure = await check.then(() => undefined, (error) => error);
  assert.ok(failure instanceof LaunchFailure, "it was not refused");
  assert.ok(failure.next.length > 0);
  return `${failure.message}: ${failure.why}`;
};

Deno.test("doctor names the platform that the engine runs on", async () => {
  const cases: [Machine, RegExp][] = [
    [{}, /^Debian GNU\/Linux 12, cgroup v2$/],
    [
      { info: { OperatingSystem: "Docker Desktop", KernelVersion: "6.6.87-microsoft-standard-WSL2" } },
      /^Docker Desktop, WSL2/,
    ],
    [{ info: { Name: "colima" } }, /^Colima/],
    [{ info: { SecurityOptions: ["name=seccomp", "name=rootless"] } }, /^rootless/],
    [{ info: { DockerRootDir: "/var/snap/docker/common/var-lib-docker" } }, /^snap/],
    [{ info: { CgroupVersion: "1" } }, /cgroup v1/],
    [{ info: { CpuCfsQuota: false } }, /no CPU quotas .* are left out/],
    [{ info: { LoggingDriver: "journald" } }, /default log driver is journald/],
  ];
  for (const [kind, words] of cases) assert.match(said(await checkPlatform(machine(kind).docker)), words);
});

Deno.test("an engine on another machine is refused, one at the end of a local tunnel is not", async () => {
  for (const endpoint of ["ssh://me@server", "tcp://10.0.0.2:2375"]) {
    assert.match(
      await refusal(checkPlatform(machine({ endpoint }).docker)),
      /runs on another machine: .*server|10\.0\.0\.2/,
    );
  }
  await checkPlatform(machine({ endpoint: "tcp://127.0.0.1:2375" }).docker);
});

Deno.test("Podman is called by its name, whatever version it claims", async () => {
  for (
    const version of [
      '{"Client":{"Version":"5.4.0"},"Server":{"Version":"5.4.0","Components":[{"Name":"Podman Engine"}]}}',
      '{"Client":{"Version":"28.0.0"},"Server":{"Version":"5.4.0","Platform":{"Name":"linux/amd64/fedora-42"},"Components":[{"Name":"Podman Engine","Version":"5.4.0"}]}}',
    ]
  ) {
    const words = await refusal(checkEngine(machine({ version }).docker));
    assert.match(words, /This is Podman/);
    assert.doesNotMatch(words, /too old/);
  }
});

Deno.test("the floors: Kafka's image, Compose against engine 29, buildx against Compose", async () => {
  assert.match(await refusal(checkEngine(machine({ engine: "20.10.3" }).docker)), /20\.10\.3 is too old/);
  await checkEngine(machine({ engine: "20.10.24+dfsg1" }).docker);
  assert.match(
    await refusal(checkCompose(machine({ engine: "29.0.1", compose: "2.23.3" }).docker)),
    /2\.24\.0 with engine 29\.0\.1/,
  );
  await checkCompose(machine({ engine: "28.5.0", compose: "2.23.3" }).docker);
  const old = await checkCompose(machine({ compose: "2.40.3", buildx: "0.13.1" }).docker);
  assert.match(said(old), /refuses to build with buildx 0\.13\.1; update buildx/);
  assert.equal(await checkCompose(machine({ compose: "2.40.3", buildx: "0.17.0" }).docker), "plugin 2.40.3");
});

Deno.test("memory below 4 GB is a warning; the disk is that of Docker's root", async () => {
  assert.match(
    said(await checkMemory(machine({ info: { MemTotal: 3.5 * 1024 ** 3 } }).docker)),
    /needs 4\.0 GB/,
  );
  const { host, docker } = machine({ info: { DockerRootDir: "/data/docker" }, df: `${1024 ** 2}` });
  assert.match(
    await refusal(checkDisk(host, docker)),
    /Only 1\.0 GB of disk space is free at \/data\/docker/,
  );
  assert.ok(host.commands.includes("df -Pk /data/docker"));
  const desktop = machine({ info: { OperatingSystem: "Docker Desktop" } });
  assert.match(said(await checkDisk(desktop.host, desktop.docker)), /was not checked/);
});

Deno.test("files that a strict umask made unreadable are refused, with the command that fixes them", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const dir = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(dir, "config", "sub"), { recursive: true });
    const file = join(dir, "config", "sub", "a.yml");
    await Deno.writeTextFile(file, "", { mode: 0o644 });
    for (const folder of ["config", "config/sub"]) await Deno.chmod(join(dir, folder), 0o755);
    assert.match(await checkConfigFiles(dir), /^1 files/);
    await Deno.chmod(file, 0o600);
    assert.match(await refusal(checkConfigFiles(dir)), /cannot read 1 files.*a\.yml/);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

Deno.test("where the kernel limits no CPU time, every CPU limit is set to none", async () => {
  const { docker, compose } = machine({ info: { CpuCfsQuota: false } });
  assert.deepEqual(
    await engineVariables(docker, compose),
    Object.fromEntries(CPU_VARIABLES.map((name) => [name, "0"])),
  );
  const declared = [...variables(readRepositoryFile("docker-compose.yml")).keys()].filter((name) =>
    name.endsWith("_CPUS")
  );
  assert.deepEqual([...CPU_VARIABLES].sort(), declared.sort());
});

const LOGS = { source: "/var/lib/docker/containers", target: "/var/lib/docker/containers" };
const withPromtail = (source = LOGS.source) =>
  JSON.stringify({ name: "tp", services: { promtail: { image: "p", volumes: [{ ...LOGS, source }] } } });

Deno.test("Promtail reads where a moved data root keeps its log files, unless .env says otherwise", async () => {
  const info = { DockerRootDir: "/data/docker" };
  const moved = machine({ info, config: withPromtail() });
  assert.deepEqual(await engineVariables(moved.docker, moved.compose), {
    DOCKER_CONTAINERS_DIR: "/data/docker/containers",
  });
  const told = machine({ info, config: withPromtail("/elsewhere") });
  assert.deepEqual(await engineVariables(told.docker, told.compose), {});
});

Deno.test("log files that containers cannot see are noticed, with the engine's own words", async () => {
  const seen = machine({ config: withPromtail() });
  const source = await findLogSource(seen.docker, seen.compose, "redis");
  assert.deepEqual([source.by, source.finding], ["files", {
    text: "containers can read /var/lib/docker/containers",
  }]);
  const stderr =
    "docker: Error response from daemon: bind source path does not exist: /var/lib/docker/containers.";
  const hidden = machine({ config: withPromtail(), probe: { code: 125, stderr } });
  const { by, finding } = await findLogSource(hidden.docker, hidden.compose, "redis");
  assert.equal(by, "none");
  assert.equal(finding.warn, true);
  assert.match(said(finding), /promtail is left out.*bind source path does not exist/);
});
