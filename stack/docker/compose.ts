/** `docker compose` on this project, always with the monitoring profile. */
import { existsSync } from "node:fs";
import * as z from "zod";
import { composeVariables } from "../extensions/overrides.ts";
import type { Paths } from "../paths.ts";
import type { Host, Output } from "../host.ts";
import { LaunchFailure } from "../failure.ts";

/** One container, as `docker compose ps` lists it. */
export interface Container {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** created, running, restarting, exited, dead, paused, removing */
  readonly state: string;
  /** healthy, unhealthy, starting; empty without a health check */
  readonly health: string;
  readonly exitCode: number;
  /** "Up 3 minutes (healthy)" */
  readonly status: string;
  readonly ports: readonly { container: number; host: number }[];
}

/** One service as docker-compose.yml declares it, after interpolation. */
export interface Declared {
  readonly name: string;
  readonly image: string;
  /** Built here, not pulled. */
  readonly built: boolean;
  /** Ranges of host ports, one per `ports:` line. */
  readonly ports: readonly { from: number; to: number; address: string }[];
  /** Containers of it. */
  readonly replicas: number;
  /** Volumes by name, folders of the host by path. */
  readonly mounts: readonly { readonly source: string; readonly target: string }[];
  readonly environment: Readonly<Record<string, string>>;
  readonly healthCheck: boolean;
}

const Lines = z.array(z.object({
  ID: z.string(),
  Name: z.string(),
  Service: z.string(),
  State: z.string(),
  Health: z.string().default(""),
  ExitCode: z.number().default(0),
  Status: z.string().default(""),
  Publishers: z.array(z.object({ TargetPort: z.number(), PublishedPort: z.number() })).nullable().default([]),
}));

const ConfigShape = z.object({
  name: z.string(),
  "x-drills": z.string().default("on"),
  services: z.record(
    z.string(),
    z.object({
      image: z.string().optional(),
      build: z.unknown().optional(),
      ports: z.array(z.object({ published: z.string().optional(), host_ip: z.string().optional() })).default(
        [],
      ),
      volumes: z.array(z.object({ source: z.string().default(""), target: z.string() })).default([]),
      environment: z.record(z.string(), z.string().nullable()).default({}),
      healthcheck: z.unknown().optional(),
      deploy: z.object({ replicas: z.number().optional() }).optional(),
    }),
  ),
});

/** A quick query. */
const QUESTION_MS = 20_000;
/** A first build downloads a base image and every dependency. */
const BUILD_MS = 60 * 60_000;
/** Longer than any service's grace period. */
const STOP_MS = 120_000;

export interface Config {
  readonly project: string;
  /** Whether drills are enabled (`DRILLS`). */
  readonly drills: boolean;
  readonly services: readonly Declared[];
}

export type Compose = ReturnType<typeof createCompose>;

export interface ComposeOptions {
  readonly host: Host;
  readonly paths: Paths;
  /** Variables that override `.env`. @default none */
  readonly environment?: Readonly<Record<string, string>>;
}

/** A variable of our own: whether Promtail reads by Docker's API. */
export const LOGS_BY_API = { LOGS_BY: "api" } as const;
const LOGS_OVERLAY = "docker-compose.logs.yml";
/** What that file adds: Promtail's way to Docker's API. */
const DOCKER_API = "docker-api";

export function createCompose({ host, paths, environment = {} }: ComposeOptions) {
  const overlays = environment.LOGS_BY === LOGS_BY_API.LOGS_BY ? [LOGS_OVERLAY] : [];
  let rendered: Promise<Config> | undefined;

  /** The same project with more variables set. */
  function withEnvironment(more: Readonly<Record<string, string>>): Compose {
    return createCompose({ host, paths, environment: { ...environment, ...more } });
  }

  /**
   * What docker-compose.yml declares; read once.
   *
   * @throws {LaunchFailure} of kind prerequisite, when it cannot be read
   */
  function config(): Promise<Config> {
    return rendered ??= readConfig();
  }

  async function readConfig(): Promise<Config> {
    const output = await run(["config", "--format", "json"], QUESTION_MS);
    if (output.code !== 0) {
      throw new LaunchFailure("prerequisite", {
        what: "docker-compose.yml cannot be used",
        cause: lastLine(output.stderr),
        next: [`check ${paths.dir}/docker-compose.yml and ${paths.envFile}`],
      });
    }
    const { name, services, "x-drills": drills } = ConfigShape.parse(JSON.parse(output.stdout));
    return {
      project: name,
      drills: drills === "on",
      services: Object.entries(services).map(([service, declared]) => ({
        name: service,
        image: declared.image ?? `${name}-${service}`,
        built: declared.build !== undefined,
        ports: declared.ports.filter((p) => p.published).map((p) => range(p.published!, p.host_ip)),
        replicas: declared.deploy?.replicas ?? 1,
        mounts: declared.volumes,
        // Compose writes a dollar as two, so that its output can be its input.
        environment: mapValues(declared.environment, (value) => (value ?? "").replaceAll("$$", "$")),
        healthCheck: declared.healthcheck !== undefined,
      })),
    };
  }

  /** Every container of the project, including stopped ones. */
  async function ps(): Promise<Container[]> {
    const list = () => run(["ps", "--all", "--format", "json"], QUESTION_MS);
    let output = await list();
    // Compose lists the containers first and then inspects each: one that was replaced meanwhile is not an
    // error.
    for (let again = 0; again < 3 && /No such container/.test(output.stderr); again++) output = await list();
    if (output.code !== 0) {
      throw new LaunchFailure("service", {
        what: "Docker did not list the containers",
        cause: lastLine(output.stderr),
        next: ["see Docker's own error: docker ps --all"],
      });
    }
    return Lines.parse(jsonLines(output.stdout)).map((line) => ({
      id: line.ID,
      name: line.Name,
      service: line.Service,
      state: line.State,
      health: line.Health,
      exitCode: line.ExitCode,
      status: line.Status,
      ports: (line.Publishers ?? [])
        .filter((p) => p.PublishedPort > 0)
        .map((p) => ({ container: p.TargetPort, host: p.PublishedPort })),
    }));
  }

  function build(signal?: AbortSignal): Promise<Output> {
    return run(["build", "--quiet"], BUILD_MS, signal);
  }

  /** Creates and starts these services, but not their dependencies. */
  function up(services: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<Output> {
    const names = overlays.length > 0 && services.includes("promtail") ? [...services, DOCKER_API] : services;
    return run(["up", "--detach", "--no-build", "--no-deps", ...names], deadlineMs, signal);
  }

  /** Sends a signal to a service's containers. */
  function signal(service: string, name: string): Promise<Output> {
    return run(["kill", "--signal", name, service], QUESTION_MS);
  }

  /** Removes a service's containers, to make the next `up` create new ones. */
  function remove(services: readonly string[]): Promise<Output> {
    return run(["rm", "--stop", "--force", ...services], STOP_MS);
  }

  /** A service's last lines. */
  async function logs(service: string, lines: number): Promise<string[]> {
    return (await readLogs(["--tail", String(lines), service])).slice(-lines);
  }

  /** Every line a service has logged since then. */
  function logsSince(service: string, since: Date): Promise<string[]> {
    return readLogs(["--since", since.toISOString(), service]);
  }

  async function readLogs(args: readonly string[]): Promise<string[]> {
    const { stdout, stderr } = await run(
      ["logs", "--no-color", "--no-log-prefix", ...args],
      QUESTION_MS,
    );
    return `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
  }

  /** The last lines of these services, or of all, each with its container's name. */
  function tail(lines: number, services: readonly string[]): Promise<Output> {
    return run(["logs", "--no-color", "--tail", String(lines), ...services], QUESTION_MS);
  }

  /** Runs a program in a service's container. */
  function exec(service: string, command: readonly string[]): Promise<Output> {
    return run(["exec", "-T", service, ...command], QUESTION_MS);
  }

  /**
   * The text of a file that a service sees, whether it runs or not. @returns undefined when it cannot be read
   */
  async function readFile(service: string, path: string): Promise<string | undefined> {
    const cat = ["run", "--rm", "--no-deps", "--no-TTY", "--entrypoint", "cat", service, path];
    const { code, stdout } = await run(cat, QUESTION_MS);
    return code === 0 ? stdout : undefined;
  }

  function down(volumes: boolean): Promise<Output> {
    return run(["down", "--remove-orphans", ...(volumes ? ["--volumes"] : [])], STOP_MS);
  }

  /** The whole command line for a verb, for a program that takes over the terminal. */
  function commandLine(args: readonly string[]): string[] {
    return ["compose", ...envFile(), "--profile", "monitoring", ...args];
  }

  /** Compose fails on a missing `--env-file`; before the first `up` there is none. */
  function envFile(): string[] {
    return existsSync(paths.envFile) ? ["--env-file", paths.envFile] : [];
  }

  function run(args: readonly string[], deadlineMs: number, signal?: AbortSignal): Promise<Output> {
    const env = { ...composeVariables(paths, overlays), ...environment };
    return host.run("docker", commandLine(args), { cwd: paths.dir, env, deadlineMs, signal });
  }

  return {
    environment: { ...composeVariables(paths, overlays), ...environment },
    withEnvironment,
    config,
    ps,
    build,
    up,
    signal,
    remove,
    logs,
    logsSince,
    tail,
    exec,
    readFile,
    down,
    commandLine,
  };
}

/** Compose prints one object per line since 2.21, one array before. */
function jsonLines(text: string): unknown[] {
  return text.split("\n").filter((line) => line.trim() !== "").flatMap((line) => JSON.parse(line));
}

function mapValues<A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}

function range(published: string, address = "0.0.0.0"): Declared["ports"][number] {
  const [from, to = from] = published.split("-").map(Number);
  return { from: from!, to: to!, address };
}

/** The last line with text: Docker puts the reason there. */
export function lastLine(text: string): string {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).at(-1) ?? "it gave no reason";
}
