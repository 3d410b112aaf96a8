/** `docker` itself: the engine, its images and single containers. */
import * as z from "zod";
import type { Host, Output } from "../host.ts";
import { lastLine } from "./compose.ts";

const QUESTION_MS = 10_000;
/** Longer than one large layer takes on a slow line. */
const STALLED_MS = 30 * 60_000;
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
    StartedAt: z.string().default(""),
    Health: z.object({
      Log: z.array(z.object({ Output: z.string() })).nullable(),
    }).nullable().optional(),
  }),
}));

const Info = z.object({
  OperatingSystem: z.string().default(""),
  KernelVersion: z.string().default(""),
  Name: z.string().default(""),
  DockerRootDir: z.string().default(""),
  MemTotal: z.number(),
  NCPU: z.number(),
  CpuCfsQuota: z.boolean().default(true),
  MemoryLimit: z.boolean().default(true),
  CgroupVersion: z.string().default("1"),
  LoggingDriver: z.string().default("json-file"),
  SecurityOptions: z.array(z.string()).nullable().transform((options) => options ?? []).default([]),
});

/** The engine, as `docker info` describes it; on a Mac and on Windows its virtual machine. */
export interface EngineInfo {
  /** "Debian GNU/Linux 12", "Docker Desktop" */
  readonly system: string;
  readonly kernel: string;
  readonly name: string;
  /** The folder of images, volumes and log files, on the engine's machine. */
  readonly root: string;
  readonly memoryBytes: number;
  readonly cpus: number;
  /** Whether it can limit CPU time. */
  readonly cpuQuota: boolean;
  readonly memoryLimit: boolean;
  readonly cgroupVersion: string;
  /** The default log driver. */
  readonly logDriver: string;
  readonly isRootless: boolean;
}

export type Engine =
  | { readonly state: "running"; readonly version: string }
  | { readonly state: "absent" }
  | { readonly state: "podman" }
  | { readonly state: "unreachable"; readonly why: string };

/** How a container ended, or how it is, from `docker inspect`. */
export interface ExitState {
  readonly restarts: number;
  readonly exitCode: number;
  readonly outOfMemory: boolean;
  /** Docker's own error, when the program could not be started at all. */
  readonly error: string;
  /** What the last health check printed. */
  readonly health: string;
  /** By the engine's clock; undefined when the engine does not say. */
  readonly startedAt: Date | undefined;
}

export type Docker = ReturnType<typeof createDocker>;

export function createDocker(host: Host) {
  let described: Promise<EngineInfo | undefined> | undefined;

  async function engine(): Promise<Engine> {
    const output = await query(["version", "--format", "{{json .}}"]);
    if (output.code === 127) return { state: "absent" };
    if (output.timedOut) return { state: "unreachable", why: `no response within ${QUESTION_MS / 1_000} s` };
    if (/podman/i.test(output.stdout + output.stderr)) return { state: "podman" };
    // Without an engine the client still prints its own half, and the reason to stderr.
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

  /** @returns undefined when there is no buildx, which Compose does not need */
  async function buildxVersion(): Promise<string | undefined> {
    const { code, stdout } = await query(["buildx", "version"]);
    return code === 0 ? /v?(\d+\.\d+\.\d+)/.exec(stdout)?.[1] : undefined;
  }

  /**
   * This machine's address on Docker's bridge, which is what containers see of it on Linux.
   *
   * @returns undefined where a virtual machine forwards to loopback, and where only a container finds out: rootless, remote
   */
  async function bridgeAddress(): Promise<string | undefined> {
    const [engine, address = ""] = await Promise.all([info(), endpoint()]);
    const isDirect = Deno.build.os === "linux" && engine !== undefined && !engine.isRootless &&
      address.startsWith("unix:") && !/desktop|orbstack|rancher/i.test(engine.system);
    if (!isDirect) return undefined;
    const format = "{{range .IPAM.Config}}{{.Gateway}}\n{{end}}";
    const { code, stdout } = await query(["network", "inspect", "bridge", "--format", format]);
    return code === 0 ? stdout.split("\n").find((line) => /^\d+(\.\d+){3}$/.test(line.trim())) : undefined;
  }

  /** The engine's own description; queried once. */
  function info(): Promise<EngineInfo | undefined> {
    return described ??= readInfo();
  }

  async function readInfo(): Promise<EngineInfo | undefined> {
    const { code, stdout } = await query(["info", "--format", "{{json .}}"]);
    const parsed = code === 0 ? Info.safeParse(jsonOr(stdout, {})) : undefined;
    if (!parsed?.success) return undefined;
    const { data } = parsed;
    return {
      system: data.OperatingSystem,
      kernel: data.KernelVersion,
      name: data.Name,
      root: data.DockerRootDir,
      memoryBytes: data.MemTotal,
      cpus: data.NCPU,
      cpuQuota: data.CpuCfsQuota,
      memoryLimit: data.MemoryLimit,
      cgroupVersion: data.CgroupVersion,
      logDriver: data.LoggingDriver,
      isRootless: data.SecurityOptions.some((option) => option.includes("name=rootless")),
    };
  }

  /** The engine's address as the client knows it, such as `unix:///var/run/docker.sock` or `ssh://host`. */
  async function endpoint(): Promise<string | undefined> {
    const { code, stdout } = await query(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]);
    return code === 0 ? stdout.trim() : undefined;
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

  /**
   * Pulls an image, however long it takes while layers keep coming.
   *
   * @param say called with how many of the layers are here
   * @returns why not, or undefined when the image is here now
   */
  async function pull(
    image: string,
    say: (progress: string) => void,
    signal?: AbortSignal,
  ): Promise<string | undefined> {
    const layers = new Map<string, string>();
    const onLine = (line: string) => {
      const [, layer, state] = /^([0-9a-f]{12}): (.+)$/.exec(line) ?? [];
      if (!layer || !state) return;
      layers.set(layer, state);
      const done = [...layers.values()].filter((text) => /complete|already exists/i.test(text)).length;
      say(`pulling: ${done} of ${layers.size} layers`);
    };
    const output = await host.run("docker", ["pull", image], { deadlineMs: STALLED_MS, signal, onLine });
    if (output.timedOut) return `no progress for ${STALLED_MS / 60_000} minutes`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  /** Removes an image; a missing one is ignored. @returns why not, or undefined when it is gone */
  async function removeImage(image: string): Promise<string | undefined> {
    const why = await change(["image", "rm", image], START_MS);
    return why && /no such image/i.test(why) ? undefined : why;
  }

  /** Names of running containers, of any project, that publish this host port. */
  async function publishing(port: number): Promise<string[]> {
    const { stdout } = await query(["ps", "--filter", `publish=${port}`, "--format", "{{.Names}}"]);
    return stdout.split("\n").filter(Boolean);
  }

  /** The folders from which a project's containers were started, running or not. */
  async function projectFolders(project: string): Promise<string[]> {
    const filter = `label=com.docker.compose.project=${project}`;
    const format = '{{.Label "com.docker.compose.project.working_dir"}}';
    const { stdout } = await query(["ps", "--filter", filter, "--all", "--format", format]);
    return [...new Set(stdout.split("\n").map((line) => line.trim()).filter(Boolean))];
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
      startedAt: state.StartedAt ? new Date(state.StartedAt) : undefined,
    };
  }

  /**
   * Stops containers; they stay stopped until they are started.
   * @returns why not, or undefined when they are
   */
  function stop(containers: readonly string[]): Promise<string | undefined> {
    return change(["stop", ...containers], STOP_MS);
  }

  /**
   * Starts containers; those that run already are left alone.
   * @returns why not, or undefined when they run
   */
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

  /**
   * Starts a container in the background with these arguments of `docker run`.
   * @returns why not, or undefined
   */
  function run(args: readonly string[]): Promise<string | undefined> {
    return change(["run", "--detach", ...args], START_MS);
  }

  /**
   * Looks for files in a folder of the engine's machine, from inside a container.
   *
   * @param pattern of at least one file that must be there
   * @param user who looks, without capabilities
   * @default root
   * @returns why not, or undefined when there is one
   */
  async function cannotSee(
    folder: string,
    pattern: string,
    image: string,
    user = "0:0",
  ): Promise<string | undefined> {
    const look =
      `for file in /probe/${pattern}; do [ -r "$file" ] && exit 0; done; echo "no such file that it may read" >&2; exit 1`;
    const output = await host.run("docker", [
      ...["run", "--rm", "--network", "none", "--user", user, "--cap-drop", "ALL", "--read-only"],
      ...["--security-opt", "label=disable", "--log-driver", "json-file"],
      ...["--mount", `type=bind,source=${folder},target=/probe,readonly`],
      ...["--entrypoint", "sh", image, "-c", look],
    ], { deadlineMs: START_MS });
    if (output.timedOut) return `no response within ${START_MS / 1_000} s`;
    return output.code === 0 ? undefined : lastLine(output.stderr);
  }

  /** The address of a container's port on this machine, as `host:port`; undefined if it is not published. */
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
    buildxVersion,
    info,
    bridgeAddress,
    endpoint,
    missing,
    cannotPull,
    pull,
    removeImage,
    publishing,
    projectFolders,
    volumes,
    exitState,
    stop,
    start,
    disconnect,
    connect,
    run,
    cannotSee,
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
