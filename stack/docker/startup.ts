/** Starts the selected services, and watches their containers while `docker compose up` runs. */
import type { Check, Progress } from "../checklist.ts";
import { LaunchFailure } from "../failure.ts";
import type { Host, Output } from "../host.ts";
import type { Selection, Service } from "../services.ts";
import { type Compose, type Container, type Declared, lastLine } from "./compose.ts";
import { diagnose, likelyCause } from "./diagnosis.ts";
import type { Docker } from "./docker.ts";

export interface Startup {
  readonly host: Host;
  readonly compose: Compose;
  readonly docker: Docker;
  readonly selection: Selection;
  readonly declared: readonly Declared[];
  /** The services must become healthy within this time. */
  readonly deadlineMs: number;
  /** Another way to start, if the first one failed for a reason that it avoids. */
  readonly fallback?: Fallback;
}

export interface Fallback {
  applies(failed: Output): boolean;
  /** @returns the project as it is started then */
  prepare(): Promise<Compose>;
}

/** Between two snapshots of the containers. */
const POLL_MS = 700;
/** A program that exits this often does not recover by waiting. */
const MOST_RESTARTS = 3;
/**
 * Docker has already waited for a health check's retries; a container that waits for another may still
 * recover.
 */
const UNHEALTHY_MS = 20_000;

/**
 * One check for each service: passes once all its containers are healthy (or run, where there is no health
 * check).
 */
export function startupChecks(startup: Startup): Check[] {
  const watch = createWatch(startup);
  return startup.selection.wanted.map((service) => ({
    name: service.name,
    run: (progress) => watch.waitFor(service, progress),
  }));
}

interface Snapshot {
  /** How `docker compose up` had ended before this snapshot; undefined while it runs. */
  readonly ended: Output | undefined;
  readonly containers: readonly Container[];
}

function createWatch({ host, compose, docker, selection, declared, deadlineMs, fallback }: Startup) {
  const startedAt = host.now();
  /** Containers from before this start: Compose may yet start, replace or keep them. */
  const old = new Set<string>();
  const unhealthySince = new Map<string, number>();
  let starting: Promise<void> | undefined;
  let upEnded: Output | undefined;
  let polling: Promise<Snapshot> | undefined;
  /** The one check that reports an error of Compose that names no service. */
  let reporter: string | undefined;

  async function waitFor(service: Service, { say, signal }: Progress): Promise<string> {
    await (starting ??= start(signal));
    while (true) {
      signal.throwIfAborted();
      const { ended, containers } = await poll();
      const own = containers.filter((container) => container.service === service.name);
      const failed = await failedContainer(service, own, ended);
      if (failed) throw await diagnose(failed, compose, docker);
      const text = healthyText(service, own, ended);
      if (text) return text;
      if (ended && ended.code !== 0 && isToBlame(service.name, ended)) {
        const started = own.find((container) => !isHealthy(container) && container.state !== "created");
        throw started ? await diagnose(started, compose, docker) : refused(service.name, ended);
      }
      if (host.now() - startedAt > deadlineMs) throw await late(service.name, own);
      say(describe(own, ended));
      await host.sleep(POLL_MS, signal);
    }
  }

  async function start(signal: AbortSignal): Promise<void> {
    const before = await compose.ps();
    const crashing = await crashingServices(before);
    if (crashing.length > 0) await compose.remove(crashing);
    for (const { id } of before) old.add(id);
    const names = selection.wanted.map(({ name }) => name);
    const up = async () => {
      const output = await compose.up(names, deadlineMs, signal);
      if (output.code === 0 || !fallback?.applies(output)) return output;
      return await (await fallback.prepare()).up(names, deadlineMs, signal);
    };
    // Not awaited: the checks poll while it works. It rejects only when the checks are aborted too.
    up().then((output) => upEnded = output, () => {});
  }

  /** Services that Compose would leave restarting, with ever longer pauses. */
  async function crashingServices(containers: readonly Container[]): Promise<string[]> {
    const troubled = containers.filter((container) =>
      !isHealthy(container) && ["running", "restarting", "dead"].includes(container.state)
    );
    const restarts = await Promise.all(
      troubled.map(async ({ name }) => (await docker.exitState(name))?.restarts ?? 0),
    );
    return troubled.filter((_, i) => restarts[i]! >= MOST_RESTARTS).map(({ service }) => service);
  }

  /** One snapshot serves every check that polls meanwhile. */
  function poll(): Promise<Snapshot> {
    const take = async () => {
      const ended = upEnded;
      return { ended, containers: await compose.ps() };
    };
    return polling ??= take().finally(() => polling = undefined);
  }

  /** @returns the evidence, once every container of the service is as it should be */
  function healthyText(
    service: Service,
    containers: readonly Container[],
    ended: Output | undefined,
  ): string | undefined {
    const { replicas: wanted = 1, healthCheck } = declared.find(({ name }) => name === service.name) ?? {};
    const settled = containers.filter(({ id }) => ended || !old.has(id));
    const healthy = settled.filter(service.once ? isDone : isHealthy)
      // Between two restarts a container has no health for a moment.
      .filter(({ health }) => service.once || !healthCheck || health === "healthy");
    if (healthy.length < wanted || healthy.length < containers.length) return undefined;
    if (service.once) return "done";
    const state = healthy.every(({ health }) => health === "healthy") ? "healthy" : "running";
    return wanted > 1 ? `${healthy.length} of ${wanted} ${state}` : state;
  }

  async function failedContainer(
    service: Service,
    containers: readonly Container[],
    ended: Output | undefined,
  ): Promise<Container | undefined> {
    for (const container of containers) {
      const { id, name, state, health } = container;
      // An older container is not judged until Compose has finished: it may be about to be replaced.
      if (!ended && old.has(id)) continue;
      const done = service.once && container.exitCode === 0;
      if ((state === "exited" || state === "dead") && !done) return container;
      if (state === "restarting" && ((await docker.exitState(name))?.restarts ?? 0) >= MOST_RESTARTS) {
        return container;
      }
      if (health !== "unhealthy") unhealthySince.delete(id);
      else if (!unhealthySince.has(id)) unhealthySince.set(id, host.now());
      else if (host.now() - unhealthySince.get(id)! > UNHEALTHY_MS) return container;
    }
    return undefined;
  }

  /** Whether Compose's error names a container of this service; one that names none is reported once. */
  function isToBlame(service: string, ended: Output): boolean {
    const words = lastLine(ended.stderr);
    const isNamed = (name: string) => new RegExp(`[-_]${name}[-_]\\d+\\b`).test(words);
    if (selection.wanted.some(({ name }) => isNamed(name))) return isNamed(service);
    return (reporter ??= service) === service;
  }

  async function late(service: string, containers: readonly Container[]): Promise<LaunchFailure> {
    const waiting = containers.find((container) => !isHealthy(container) && container.state !== "created");
    const detail = waiting && await diagnose(waiting, compose, docker);
    return new LaunchFailure("service", {
      what: `${service} is not healthy after ${deadlineMs / 1_000} s`,
      cause: detail?.why ?? "Compose has not started it yet: something that it depends on is slow",
      next: [
        "a slow machine may need longer: --timeout 600s",
        ...(detail?.next ?? [{ text: "see what is running", verb: "status" }]),
      ],
      evidence: detail?.evidence ?? [],
    });
  }

  function describe(containers: readonly Container[], ended: Output | undefined): string {
    if (containers.length === 0) return "waiting to be created";
    if (containers.length > 1) {
      return `${containers.filter(isHealthy).length} of ${containers.length} healthy`;
    }
    const { id, state, health } = containers[0]!;
    if (!ended && old.has(id)) return "checking for changes";
    if (state === "created") return "waiting for its dependencies";
    return state === "running" ? health || "running" : state;
  }

  return { waitFor };
}

function isHealthy({ state, health }: Container): boolean {
  return state === "running" && (health === "healthy" || health === "");
}

function isDone({ state, exitCode }: Container): boolean {
  return state === "exited" && exitCode === 0;
}

function refused(service: string, { stderr, timedOut }: Output): LaunchFailure {
  const words = timedOut ? "it took too long" : lastLine(stderr);
  const likely = likelyCause(words);
  return new LaunchFailure("service", {
    what: `Compose could not start ${service}`,
    cause: likely?.cause ?? words,
    next: [...(likely ? [likely.next] : []), "then run the same command again: what is running is kept"],
    evidence: stderr.split("\n").filter((line) => line.trim() !== "").slice(-5),
  });
}
