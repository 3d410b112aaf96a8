import * as z from "zod/mini";
import type { Host, Output } from "../host.ts";
import { lastLine } from "./compose.ts";

const QUESTION_MS = 10_000;
const PULL_MS = 15 * 60_000;
/** Longer than any service's grace period. */
const STOP_MS = 120_000;
const START_MS = 60_000;

const Version = z.object({
  Client: z.object({ Version: z.string() }),
  Server: z.optional(z.nullable(z.object({ Version: z.string() }))),
});

const Inspected = z.array(z.object({
  RestartCount: z._default(z.number(), 0),
  State: z.object({
    Status: z._default(z.string(), ""),
    ExitCode: z._default(z.number(), 0),
    OOMKilled: z._default(z.boolean(), false),
    Error: z._default(z.string(), ""),
    Health: z.optional(z.nullable(z.object({
      Log: z.nullable(z.array(z.object({ Output: z.string() }))),
    }))),
  }),
}));

export type Engine =
  | { state: "running"; version: string }
  | { state: "absent" }
  | { state: "unanswering"; why: string };

/** What became of a container, from `docker inspect`. */
export interface Fate {
  restarts: number;
  exitCode: number;
  outOfMemory: boolean;
  /** Docker's own error, when the program could not be started at all. */
  error: string;
  /** What the last health check printed. */
  health: string;
}

/** `docker` itself: the engine, its images and single containers. */
export class Docker {
  constructor(private readonly host: Host) {}

  async engine(): Promise<Engine> {
    const output = await this.#ask(["version", "--format", "{{json .}}"]);
    if (output.code === 127) return { state: "absent" };
    if (output.timedOut) return { state: "unanswering", why: `no answer within ${QUESTION_MS / 1000} s` };
    // With the engine away the client still prints its own half, and the reason on stderr.
    const parsed = Version.safeParse(jsonOr(output.stdout, {}));
    const server = parsed.success ? parsed.data.Server?.Version : undefined;
    if (server) return { state: "running", version: server };
    return { state: "unanswering", why: lastLine(output.stderr) };
  }

  /** @returns undefined when the Compose plugin is missing */
  async composeVersion(): Promise<string | undefined> {
    const { code, stdout } = await this.#ask(["compose", "version", "--short"]);
    return code === 0 ? stdout.trim().replace(/^v/, "") : undefined;
  }

  /** Memory in bytes and CPUs that the engine has: on a Mac those of its virtual machine. */
  async resources(): Promise<{ memoryBytes: number; cpus: number } | undefined> {
    const { code, stdout } = await this.#ask(["info", "--format", "{{.MemTotal}} {{.NCPU}}"]);
    const [memoryBytes = 0, cpus = 0] = stdout.trim().split(" ").map(Number);
    return code === 0 && memoryBytes > 0 ? { memoryBytes, cpus } : undefined;
  }

  /** Those of the images that are not on this machine. */
  async missing(images: readonly string[]): Promise<string[]> {
    const found = await Promise.all(images.map(async (image) => {
      const { code } = await this.#ask(["image", "inspect", "--format", "{{.Id}}", image]);
      return code === 0;
    }));
    return images.filter((_, i) => !found[i]);
  }

  /** Asks the image's registry whether it can be had. @returns why not, or undefined when it can */
  async unobtainable(image: string): Promise<string | undefined> {
    const output = await this.#ask(["manifest", "inspect", image]);
    if (output.timedOut) return `its registry gave no answer within ${QUESTION_MS / 1000} s`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  /** @returns why not, or undefined when the image is here now */
  async pull(image: string, signal?: AbortSignal): Promise<string | undefined> {
    const output = await this.host.run("docker", ["pull", "--quiet", image], { deadlineMs: PULL_MS, signal });
    if (output.timedOut) return `not complete after ${PULL_MS / 60_000} minutes`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  /** Names of running containers, of whatever project, that publish this host port. */
  async publishing(port: number): Promise<string[]> {
    const { stdout } = await this.#ask(["ps", "--filter", `publish=${port}`, "--format", "{{.Names}}"]);
    return stdout.split("\n").filter(Boolean);
  }

  async volumes(project: string): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${project}`;
    const { stdout } = await this.#ask(["volume", "ls", "--quiet", "--filter", filter]);
    return stdout.split("\n").filter(Boolean);
  }

  async fate(container: string): Promise<Fate | undefined> {
    const { code, stdout } = await this.#ask(["inspect", "--type", "container", container]);
    const parsed = code === 0 ? Inspected.safeParse(jsonOr(stdout, [])) : undefined;
    const inspected = parsed?.success ? parsed.data[0] : undefined;
    if (!inspected) return undefined;
    const { State: state, RestartCount: restarts } = inspected;
    return {
      restarts,
      exitCode: state.ExitCode,
      outOfMemory: state.OOMKilled,
      error: state.Error,
      health: state.Health?.Log?.at(-1)?.Output.trim() ?? "",
    };
  }

  /** Stops containers; they stay stopped until they are started. @returns why not, or undefined when they are */
  stop(containers: readonly string[]): Promise<string | undefined> {
    return this.#do(["stop", ...containers], STOP_MS);
  }

  /** Starts containers; those that run already are left alone. @returns why not, or undefined when they run */
  start(containers: readonly string[]): Promise<string | undefined> {
    return this.#do(["start", ...containers], START_MS);
  }

  /** Takes a container off a network. @returns why not, or undefined when it is off */
  disconnect(network: string, container: string): Promise<string | undefined> {
    return this.#do(["network", "disconnect", network, container], QUESTION_MS);
  }

  /** Puts a container back on a network, under this name. @returns why not, or undefined when it is there */
  async connect(network: string, container: string, alias: string): Promise<string | undefined> {
    const why = await this.#do(["network", "connect", "--alias", alias, network, container], QUESTION_MS);
    return why?.includes("already exists in network") ? undefined : why;
  }

  /** Starts a container in the background with these arguments of `docker run`. @returns why not, or undefined */
  run(args: readonly string[]): Promise<string | undefined> {
    return this.#do(["run", "--detach", ...args], START_MS);
  }

  /** Where this machine reaches a port of a container, as `host:port`; undefined when it publishes none. */
  async address(container: string, port: number): Promise<string | undefined> {
    const { code, stdout } = await this.#ask(["port", container, `${port}/tcp`]);
    return code === 0 ? stdout.split("\n")[0]?.trim() : undefined;
  }

  /** A container's last lines. */
  async logs(container: string, lines: number): Promise<string[]> {
    const { stdout, stderr } = await this.#ask(["logs", "--tail", String(lines), container]);
    return `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
  }

  /** Removes containers, with what they stored, running or not; those that are not there are no matter. */
  async remove(containers: readonly string[]): Promise<void> {
    await this.#do(["rm", "--force", "--volumes", ...containers], STOP_MS);
  }

  async #do(args: readonly string[], deadlineMs: number): Promise<string | undefined> {
    const output = await this.host.run("docker", args, { deadlineMs });
    if (output.timedOut) return `not done after ${deadlineMs / 1000} s`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  #ask(args: readonly string[]): Promise<Output> {
    return this.host.run("docker", args, { deadlineMs: QUESTION_MS });
  }
}

function jsonOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}
