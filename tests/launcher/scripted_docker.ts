/**
 * A `docker` for tests: a shell script that responds by its arguments. It runs the whole launcher without
 * Docker, and shows it what a real one seldom does.
 */
import { join } from "node:path";

export interface Answer {
  /** A shell pattern for the whole command line, such as `*ps --all*`. The first that matches counts. */
  readonly when: string;
  readonly stdout?: string;
  readonly stderr?: string;
  /** @default 0 */
  readonly code?: number;
  /** It takes this many seconds. @default 0 */
  readonly seconds?: number;
  /** Applies to the first call alone. */
  readonly once?: boolean;
  /** Holds only once `compose up` was called, or called this often. */
  readonly afterUp?: boolean | number;
  /** Holds only once a container was stopped. */
  readonly afterStop?: boolean;
}

export interface ScriptedContainer {
  readonly service: string;
  readonly state?: string;
  readonly health?: string;
  readonly exitCode?: number;
  /** Container port → host port. */
  readonly ports?: Record<number, number>;
}

/** The services that these tests are about: enough for the proof, few enough to read. */
export const SERVICES = [
  "secrets",
  "db",
  "redis",
  "kafka",
  "api",
  "kafka-worker",
  "webhooks",
  "prometheus",
  "loki",
];

/** What to leave out so that only those are wanted. */
export const WITHOUT =
  "alertmanager,grafana,promtail,tempo,canary,node-exporter,postgres-exporter,redis-exporter,kafka-exporter";

/**
 * Puts a `docker` into a folder. `calls` and `environments` are files with a line for each call. Calls overlap, so
 * lines of the two files do not correspond: a line of `environments` ends with ` docker ` and the call's arguments.
 */
export async function scriptDocker(
  dir: string,
  answers: readonly Answer[],
): Promise<{ calls: string; environments: string }> {
  const cases = await Promise.all([...answers, ...healthyDocker()].map(async (answer, i) => {
    const {
      when,
      stdout = "",
      stderr = "",
      code = 0,
      seconds = 0,
      once = false,
      afterUp = false,
      afterStop = false,
    } = answer;
    await Deno.writeTextFile(join(dir, `${i}.out`), stdout);
    await Deno.writeTextFile(join(dir, `${i}.err`), stderr);
    const first = once ? `[ ! -e "$here/${i}.once" ] && : >"$here/${i}.once" &&` : "";
    const guard = [
      afterUp && `[ "$ups" -ge ${Number(afterUp)} ] &&`,
      afterStop && `[ "$stops" -ge 1 ] &&`,
    ].filter(Boolean).join(" ");
    const pattern = when.replaceAll(" ", "\\ ");
    return `case "$*" in ${pattern}) ${guard} ${first} { sleep ${seconds}; cat "$here/${i}.out"; cat "$here/${i}.err" >&2; exit ${code}; };; esac`;
  }));
  const calls = join(dir, "calls");
  const script = `#!/bin/sh
PATH=/usr/bin:/bin
here='${dir}'
echo "$*" >>"$here/calls"
variables=$(env | grep -E "^(COMPOSE_|APP_IMAGE|LEFT_OUT_JOBS|[A-Z]+_PORTS?=|[A-Z]+_CPUS=)" | tr "\n" " ")
echo "\${variables}docker $*" >>"$here/environments"
case "$*" in *\\ up\\ --detach*) echo up >>"$here/up";; stop\\ *) echo stop >>"$here/stop";; esac
# Read once: another call may come between two answers.
ups=$(cat "$here/up" 2>/dev/null | wc -l) stops=$(cat "$here/stop" 2>/dev/null | wc -l)
${cases.join("\n")}
echo "scripted docker knows no answer to: $*" >&2
exit 99
`;
  await Deno.writeTextFile(join(dir, "docker"), script, { mode: 0o755 });
  return { calls, environments: join(dir, "environments") };
}

/** Containers as `docker compose ps --all --format json` lists them. */
export function psJson(containers: readonly ScriptedContainer[]): string {
  return containers.map(({ service, state = "running", health = "healthy", exitCode = 0, ports = {} }) =>
    JSON.stringify({
      ID: `id-${service}`,
      Name: `tp-${service}-1`,
      Service: service,
      State: state,
      Health: state === "running" ? health : "",
      ExitCode: exitCode,
      Status: state,
      Publishers: Object.entries(ports).map(([target, published]) => ({
        TargetPort: Number(target),
        PublishedPort: published,
      })),
    })
  ).join("\n");
}

/** What `docker info` says about an engine on Linux. */
export function infoJson(changes: Record<string, unknown> = {}): string {
  return JSON.stringify({
    OperatingSystem: "Debian GNU/Linux 12",
    KernelVersion: "6.1.0",
    Name: "test",
    DockerRootDir: "/var/lib/docker",
    MemTotal: 16_000_000_000,
    NCPU: 4,
    CpuCfsQuota: true,
    MemoryLimit: true,
    CgroupVersion: "2",
    LoggingDriver: "json-file",
    SecurityOptions: ["name=seccomp,profile=builtin"],
    ...changes,
  });
}

/** What `docker compose config` says; no ports and no API keys unless a test is about them. */
export function configJson(
  ports: Record<string, number> = {},
  keys: { folder: string; files: string } | undefined = undefined,
): string {
  const services = SERVICES.map((name) => [name, {
    image: `test/${name}:1`,
    ...(name === "api" && { build: { context: "." } }),
    ...(name === "api" && keys && {
      environment: { API_KEYS_FILE: keys.files },
      volumes: [{ source: keys.folder, target: "/run/secrets/api_keys" }],
    }),
    ports: ports[name] ? [{ published: String(ports[name]), host_ip: "127.0.0.1", target: 1 }] : [],
  }]);
  return JSON.stringify({ name: "tp", services: Object.fromEntries(services) });
}

/** Every container healthy, all published ports leading to one fake server. */
export function healthyContainers(port: number): ScriptedContainer[] {
  const published: Record<string, number> = { api: 8000, "kafka-worker": 8001, prometheus: 9090, loki: 3100 };
  return SERVICES.map((service) =>
    service === "secrets"
      ? { service, state: "exited" }
      : { service, ...(published[service] && { ports: { [published[service]]: port } }) }
  );
}

function healthyDocker(): Answer[] {
  return [
    { when: "version *", stdout: '{"Client":{"Version":"28.2.2"},"Server":{"Version":"28.2.2"}}' },
    { when: "compose version *", stdout: "2.40.3\n" },
    { when: "info *", stdout: infoJson() },
    { when: "context inspect *", stdout: "unix:///var/run/docker.sock\n" },
    { when: "buildx version", code: 1, stderr: "docker: unknown command: docker buildx" },
    { when: "* config --format json", stdout: configJson() },
    { when: "* ps --all *", stdout: psJson(healthyContainers(1)), afterUp: true },
    { when: "* ps --all *" },
    { when: "image inspect *", stdout: "sha256:1\n" },
    { when: "volume ls *" },
    { when: "ps --filter *" },
    { when: "* build --quiet" },
    { when: "* up --detach *" },
    { when: "* logs *", stdout: "first line\nlast line\n" },
    { when: "* down *" },
    { when: "inspect *", stdout: "[]" },
  ];
}
