import { existsSync } from "node:fs";
import * as z from "zod/mini";
import type { Home } from "../paths.ts";
import type { Host, Output } from "../host.ts";
import { LaunchFailure } from "../failure.ts";

/** One container, as `docker compose ps` tells it. */
export interface Container {
  id: string;
  name: string;
  service: string;
  /** created, running, restarting, exited, dead, paused, removing */
  state: string;
  /** healthy, unhealthy, starting; empty without a health check */
  health: string;
  exitCode: number;
  /** "Up 3 minutes (healthy)" */
  status: string;
  ports: readonly { container: number; host: number }[];
}

/** What docker-compose.yml says of one service, after interpolation. */
export interface Declared {
  name: string;
  image: string;
  /** Built here, not pulled. */
  built: boolean;
  /** Ranges of host ports, one entry a `ports:` line. */
  ports: readonly { from: number; to: number; address: string }[];
  /** Containers of it. */
  replicas: number;
}

const Lines = z.array(z.object({
  ID: z.string(),
  Name: z.string(),
  Service: z.string(),
  State: z.string(),
  Health: z._default(z.string(), ""),
  ExitCode: z._default(z.number(), 0),
  Status: z._default(z.string(), ""),
  Publishers: z._default(
    z.nullable(z.array(z.object({ TargetPort: z.number(), PublishedPort: z.number() }))),
    [],
  ),
}));

const ConfigShape = z.object({
  name: z.string(),
  "x-drills": z._default(z.string(), "on"),
  services: z.record(
    z.string(),
    z.object({
      image: z.optional(z.string()),
      build: z.optional(z.unknown()),
      ports: z._default(
        z.array(z.object({ published: z.optional(z.string()), host_ip: z.optional(z.string()) })),
        [],
      ),
      deploy: z.optional(z.object({ replicas: z.optional(z.number()) })),
    }),
  ),
});

/** An answer of Docker's to a quick question. */
const QUESTION_MS = 20_000;
/** A first build downloads a base image and every dependency. */
const BUILD_MS = 15 * 60_000;
/** Longer than any service's grace period. */
const STOP_MS = 120_000;

export interface Config {
  project: string;
  /** Whether something may be broken here on purpose (`DRILLS`). */
  drills: boolean;
  services: Declared[];
}

/** `docker compose` on this project, always with the monitoring profile. */
export class Compose {
  #config: Promise<Config> | undefined;

  /** @param environment variables that stand above what `.env` says */
  constructor(
    private readonly host: Host,
    private readonly home: Home,
    readonly environment: Readonly<Record<string, string>> = {},
  ) {}

  /** The same project with more variables set. */
  with(environment: Readonly<Record<string, string>>): Compose {
    return new Compose(this.host, this.home, { ...this.environment, ...environment });
  }

  /**
   * What docker-compose.yml declares; read once.
   *
   * @throws {LaunchFailure} of kind prerequisite, when it cannot be read
   */
  config(): Promise<Config> {
    return this.#config ??= this.#readConfig();
  }

  async #readConfig(): Promise<Config> {
    const output = await this.#run(["config", "--format", "json"], QUESTION_MS);
    if (output.code !== 0) {
      throw new LaunchFailure("prerequisite", {
        what: "docker-compose.yml cannot be used",
        cause: lastLine(output.stderr),
        next: [`look at ${this.home.dir}/docker-compose.yml and ${this.home.envFile}`],
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
      })),
    };
  }

  /** Every container of the project, the stopped ones too. */
  async ps(): Promise<Container[]> {
    const list = () => this.#run(["ps", "--all", "--format", "json"], QUESTION_MS);
    let output = await list();
    // Compose lists the containers first and then asks for each: one that was replaced meanwhile is no fault.
    for (let again = 0; again < 3 && /No such container/.test(output.stderr); again++) output = await list();
    if (output.code !== 0) {
      throw new LaunchFailure("service", {
        what: "Docker does not tell which containers run",
        cause: lastLine(output.stderr),
        next: ["try `docker compose ps`"],
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

  build(signal?: AbortSignal): Promise<Output> {
    return this.#run(["build", "--quiet"], BUILD_MS, signal);
  }

  /** Creates and starts these services, and no others: what one of them depends on is left alone. */
  up(services: readonly string[], deadlineMs: number, signal: AbortSignal): Promise<Output> {
    return this.#run(["up", "--detach", "--no-build", "--no-deps", ...services], deadlineMs, signal);
  }

  /** Removes a service's containers, so that the next `up` makes new ones. */
  remove(services: readonly string[]): Promise<Output> {
    return this.#run(["rm", "--stop", "--force", ...services], STOP_MS);
  }

  /** A service's last lines. */
  async logs(service: string, lines: number): Promise<string[]> {
    return (await this.#logs(["--tail", String(lines), service])).slice(-lines);
  }

  /** Everything a service has said since then. */
  logsSince(service: string, since: Date): Promise<string[]> {
    return this.#logs(["--since", since.toISOString(), service]);
  }

  async #logs(args: readonly string[]): Promise<string[]> {
    const { stdout, stderr } = await this.#run(
      ["logs", "--no-color", "--no-log-prefix", ...args],
      QUESTION_MS,
    );
    return `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
  }

  /** Runs a program in a service's container. */
  exec(service: string, command: readonly string[]): Promise<Output> {
    return this.#run(["exec", "-T", service, ...command], QUESTION_MS);
  }

  down(volumes: boolean): Promise<Output> {
    return this.#run(["down", "--remove-orphans", ...(volumes ? ["--volumes"] : [])], STOP_MS);
  }

  /** The whole command line for a verb, for a program that takes over the terminal. */
  commandLine(args: readonly string[]): string[] {
    return ["compose", ...this.#envFile(), "--profile", "monitoring", ...args];
  }

  /** Compose stops at an `--env-file` that is not there; before the first `up` there is none. */
  #envFile(): string[] {
    return existsSync(this.home.envFile) ? ["--env-file", this.home.envFile] : [];
  }

  #run(args: readonly string[], deadlineMs: number, signal?: AbortSignal): Promise<Output> {
    const env = { ...this.environment };
    return this.host.run("docker", this.commandLine(args), { cwd: this.home.dir, env, deadlineMs, signal });
  }
}

/** Compose prints one object a line since 2.21, one array before. */
function jsonLines(text: string): unknown[] {
  return text.split("\n").filter((line) => line.trim() !== "").flatMap((line) => JSON.parse(line));
}

function range(published: string, address = "0.0.0.0"): Declared["ports"][number] {
  const [from, to = from] = published.split("-").map(Number);
  return { from: from!, to: to!, address };
}

/** The last line that says something: Docker puts the reason there. */
export function lastLine(text: string): string {
  return text.split("\n").map((line) => line.trim()).filter(Boolean).at(-1) ?? "it gave no reason";
}
