/** `docker` itself: the engine, its images and single containers. */
import * as z from "zod";
import type { Host, Output } from "../host.ts";
import { lastLine } from "./compose.ts";

const QUESTION_MS = 10_000;
const PULL_MS = 15 * 60_000;
/** Longer than any service's grace period. */
const STOP_MS = 120_000;
const START_MS = 60_000;

const Version = z.object({
  Client: z.object({ Version: z.string() }),
  Server: z.object({ Version: z.string() }).nullable().optional(),
});

const Inspected = z.array(z.object({
  RestartCount: z.number().default(0),
  State: z.object({
    Status: z.string().default(""),
    ExitCode: z.number().default(0),
    OOMKilled: z.boolean().default(false),
    Error: z.string().default(""),
    Health: z.object({
      Log: z.array(z.object({ Output: z.string() })).nullable(),
    }).nullable().optional(),
  }),
}));

export type Engine =
  | { state: "running"; version: string }
  | { state: "absent" }
  | { state: "unreachable"; why: string };

/** How a container ended, or how it is, from `docker inspect`. */
export interface ExitState {
  readonly restarts: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** Docker's own error, when the program could not be started at all. */
  readonly error: string;
  /** What the last health check printed. */
  readonly health: string;
}

export type Docker = ReturnType<typeof createDocker>;

export function createDocker(host: Host) {
  async function engine(): Promise<Engine> {
    const output = await query(["version", "--format", "{{json .}}"]);
    if (output.code === 127) return { state: "absent" };
    if (output.timedOut) return { state: "unreachable", why: `no response within ${QUESTION_MS / 1_000} s` };
    // Without an engine the client still prints its own half, and the reason on stderr.
    const parsed = Version.safeParse(jsonOr(output.stdout, {}));
    const server = parsed.success ? parsed.data.Server?.Version : undefined;
    if (server) return { state: "running", version: server };
    return { state: "unreachable", why: lastLine(output.stderr) };
  }

  /** @returns undefined when the Compose plugin is missing */
  async function composeVersion(): Promise<string | undefined> {
    const { code, stdout } = await query(["compose", "version", "--short"]);
    return code === 0 ? stdout.trim().replace(/^v/, "") : undefined;
  }

  /** Memory in bytes and CPUs that the engine has: on a Mac those of its virtual machine. */
  async function resources(): Promise<{ memoryBytes: number; cpus: number } | undefined> {
    const { code, stdout } = await query(["info", "--format", "{{.MemTotal}} {{.NCPU}}"]);
    const [memoryBytes = 0, cpus = 0] = stdout.trim().split(" ").map(Number);
    return code === 0 && memoryBytes > 0 ? { memoryBytes, cpus } : undefined;
  }

  /** The images that are not on this machine. */
  async function missing(images: readonly string[]): Promise<string[]> {
    const found = await Promise.all(images.map(async (image) => {
      const { code } = await query(["image", "inspect", "--format", "{{.Id}}", image]);
      return code === 0;
    }));
    return images.filter((_, i) => !found[i]);
  }

  /** @returns why the image's registry refuses it, or undefined when it can be pulled */
  async function cannotPull(image: string): Promise<string | undefined> {
    const output = await query(["manifest", "inspect", image]);
    if (output.timedOut) return `its registry did not respond within ${QUESTION_MS / 1_000} s`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  /** @returns why not, or undefined when the image is here now */
  async function pull(image: string, signal?: AbortSignal): Promise<string | undefined> {
    const output = await host.run("docker", ["pull", "--quiet", image], { deadlineMs: PULL_MS, signal });
    if (output.timedOut) return `not complete after ${PULL_MS / 60_000} minutes`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  /** Names of running containers, of any project, that publish this host port. */
  async function publishing(port: number): Promise<string[]> {
    const { stdout } = await query(["ps", "--filter", `publish=${port}`, "--format", "{{.Names}}"]);
    return stdout.split("\n").filter(Boolean);
  }

  async function volumes(project: string): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${project}`;
    const { stdout } = await query(["volume", "ls", "--quiet", "--filter", filter]);
    return stdout.split("\n").filter(Boolean);
  }

  async function exitState(container: string): Promise<ExitState | undefined> {
    const { code, stdout } = await query(["inspect", "--type", "container", container]);
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
  function stop(containers: readonly string[]): Promise<string | undefined> {
    return change(["stop", ...containers], STOP_MS);
  }

  /** Starts containers; those that run already are left alone. @returns why not, or undefined when they run */
  function start(containers: readonly string[]): Promise<string | undefined> {
    return change(["start", ...containers], START_MS);
  }

  /** Takes a container off a network. @returns why not, or undefined when it is off */
  function disconnect(network: string, container: string): Promise<string | undefined> {
    return change(["network", "disconnect", network, container], QUESTION_MS);
  }

  /** Puts a container back on a network, under this name. @returns why not, or undefined when it is there */
  async function connect(network: string, container: string, alias: string): Promise<string | undefined> {
    const why = await change(["network", "connect", "--alias", alias, network, container], QUESTION_MS);
    return why?.includes("already exists in network") ? undefined : why;
  }

  /** Starts a container in the background with these arguments of `docker run`. @returns why not, or undefined */
  function run(args: readonly string[]): Promise<string | undefined> {
    return change(["run", "--detach", ...args], START_MS);
  }

  /** Where this machine reaches a port of a container, as `host:port`; undefined when it publishes none. */
  async function address(container: string, port: number): Promise<string | undefined> {
    const { code, stdout } = await query(["port", container, `${port}/tcp`]);
    return code === 0 ? stdout.split("\n")[0]?.trim() : undefined;
  }

  /** A container's last lines. */
  async function logs(container: string, lines: number): Promise<string[]> {
    const { stdout, stderr } = await query(["logs", "--tail", String(lines), container]);
    return `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
  }

  /** Removes containers with their volumes, running or not; missing ones are ignored. */
  async function remove(containers: readonly string[]): Promise<void> {
    await change(["rm", "--force", "--volumes", ...containers], STOP_MS);
  }

  async function change(args: readonly string[], deadlineMs: number): Promise<string | undefined> {
    const output = await host.run("docker", args, { deadlineMs });
    if (output.timedOut) return `not done after ${deadlineMs / 1_000} s`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  function query(args: readonly string[]): Promise<Output> {
    return host.run("docker", args, { deadlineMs: QUESTION_MS });
  }

  return {
    engine,
    composeVersion,
    resources,
    missing,
    cannotPull,
    pull,
    publishing,
    volumes,
    exitState,
    stop,
    start,
    disconnect,
    connect,
    run,
    address,
    logs,
    remove,
  };
}

function jsonOr(text: string, fallback: unknown): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return fallback;
  }
}
