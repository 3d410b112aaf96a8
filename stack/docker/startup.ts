import { type Compose, type Container, type Declared, lastLine } from "./compose.ts";
import { diagnose, likelyCause } from "./diagnosis.ts";
import type { Docker } from "./docker.ts";
import { LaunchFailure } from "../failure.ts";
import type { Host, Output } from "../host.ts";
import type { Row, RunningRow } from "../checklist.ts";
import type { Selection, Service } from "../services.ts";

export interface Startup {
  host: Host;
  compose: Compose;
  docker: Docker;
  selection: Selection;
  declared: readonly Declared[];
  /** All services are healthy within this time, or starting them has failed. */
  deadlineMs: number;
}

/** Between two looks at the containers. */
const LOOK_MS = 700;
/** A program that ends this often on its own will not get better by waiting. */
const RESTARTS_THAT_TELL = 3;
/** Docker has already waited for a health check's retries; one that waits for a neighbour may still turn. */
const UNHEALTHY_MS = 20_000;

/**
 * Starts the selected services; one row each, fine once all its containers are healthy (or run, where there is no
 * health check).
 */
export function startupRows(startup: Startup): Row[] {
  const watch = new Watch(startup);
  return startup.selection.wanted.map((service) => ({
    name: service.name,
    run: (row) => watch.waitFor(service, row),
  }));
}

interface Look {
  /** How `docker compose up` had ended before this look; undefined while it is at work. */
  ended: Output | undefined;
  containers: Container[];
}

/** `docker compose up`, and looks at the containers while it is at work. */
class Watch {
  readonly #startedAt: number;
  #starting: Promise<void> | undefined;
  #ended: Output | undefined;
  #looking: Promise<Look> | undefined;
  /** Containers that were there before: Compose may yet start, replace or keep them. */
  #old = new Map<string, Container>();
  #unhealthySince = new Map<string, number>();

  constructor(private readonly startup: Startup) {
    this.#startedAt = startup.host.now();
  }

  async waitFor(service: Service, { say, signal }: RunningRow): Promise<string> {
    const { host, compose, docker, deadlineMs } = this.startup;
    await (this.#starting ??= this.#start(signal));
    while (true) {
      signal.throwIfAborted();
      const { ended, containers } = await this.#look();
      const own = containers.filter((c) => c.service === service.name);
      const bad = await this.#beyondHope(service, own, ended);
      if (bad) throw await diagnose(bad, compose, docker);
      const text = this.#well(service, own, ended);
      if (text) return text;
      if (ended && ended.code !== 0 && this.#isGuilty(service.name, ended)) {
        const started = own.find((c) => !isFine(c) && c.state !== "created");
        throw started ? await diagnose(started, compose, docker) : refused(service.name, ended);
      }
      if (host.now() - this.#startedAt > deadlineMs) throw await this.#late(service.name, own);
      say(this.#describe(own, ended));
      await host.sleep(LOOK_MS, signal);
    }
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { compose, selection, deadlineMs } = this.startup;
    const before = await compose.ps();
    const crashing = await this.#crashing(before);
    if (crashing.length > 0) await compose.remove(crashing);
    for (const container of before) this.#old.set(container.id, container);
    const names = selection.wanted.map((s) => s.name);
    // Not awaited: the rows look on while it works. It rejects only when the rows are aborted too.
    compose.up(names, deadlineMs, signal)
      .then((output) => this.#ended = output, () => {});
  }

  /** Services that Compose would leave to their restarts, with ever longer pauses between. */
  async #crashing(containers: readonly Container[]): Promise<string[]> {
    const troubled = containers.filter((c) =>
      !isFine(c) && ["running", "restarting", "dead"].includes(c.state)
    );
    const restarts = await Promise.all(
      troubled.map(async (c) => (await this.startup.docker.fate(c.name))?.restarts),
    );
    return troubled.filter((_, i) => (restarts[i] ?? 0) >= RESTARTS_THAT_TELL).map((c) => c.service);
  }

  /** One look serves every row that asks meanwhile. */
  #look(): Promise<Look> {
    const look = async () => {
      const ended = this.#ended;
      return { ended, containers: await this.startup.compose.ps() };
    };
    return this.#looking ??= look().finally(() => this.#looking = undefined);
  }

  /** @returns how it is, once every container of the service is as it should be */
  #well(service: Service, containers: readonly Container[], ended?: Output): string | undefined {
    const wanted = this.startup.declared.find((s) => s.name === service.name)?.replicas ?? 1;
    const settled = containers.filter((c) => ended || !this.#old.has(c.id));
    const fine = settled.filter(service.once ? isDone : isFine);
    if (fine.length < wanted || fine.length < containers.length) return undefined;
    if (service.once) return "done";
    const state = fine.every((c) => c.health === "healthy") ? "healthy" : "running";
    return wanted > 1 ? `${fine.length} of ${wanted} ${state}` : state;
  }

  async #beyondHope(
    service: Service,
    containers: readonly Container[],
    ended?: Output,
  ): Promise<Container | undefined> {
    const { host, docker } = this.startup;
    for (const container of containers) {
      const { id, name, state, health } = container;
      // One from before is not judged until Compose is through with it: it may be about to be replaced.
      if (!ended && this.#old.has(id)) continue;
      const done = service.once && container.exitCode === 0;
      if ((state === "exited" || state === "dead") && !done) return container;
      if (state === "restarting" && ((await docker.fate(name))?.restarts ?? 0) >= RESTARTS_THAT_TELL) {
        return container;
      }
      if (health !== "unhealthy") this.#unhealthySince.delete(id);
      else if (!this.#unhealthySince.has(id)) this.#unhealthySince.set(id, host.now());
      else if (host.now() - this.#unhealthySince.get(id)! > UNHEALTHY_MS) return container;
    }
    return undefined;
  }

  /** Whether Compose's last words name a container of this service; when they name none, all are guilty. */
  #isGuilty(service: string, ended: Output): boolean {
    const words = lastLine(ended.stderr);
    const named = (name: string) => new RegExp(`[-_]${name}[-_]\\d+\\b`).test(words);
    return named(service) || !this.startup.selection.wanted.some((s) => named(s.name));
  }

  async #late(service: string, containers: readonly Container[]): Promise<LaunchFailure> {
    const { compose, docker, deadlineMs } = this.startup;
    const waiting = containers.find((c) => !isFine(c) && c.state !== "created");
    const detail = waiting && await diagnose(waiting, compose, docker);
    return new LaunchFailure("service", {
      what: `${service} is not healthy after ${deadlineMs / 1000} s`,
      cause: detail?.why ?? "Compose has not started it yet: something that it depends on is slow",
      next: [
        "a slow machine may need longer: --timeout 600s",
        ...(detail?.next ?? ["see what runs: deno task monitoring status"]),
      ],
      evidence: detail?.evidence ?? [],
    });
  }

  #describe(containers: readonly Container[], ended?: Output): string {
    if (containers.length === 0) return "waiting for its turn";
    if (containers.length > 1) return `${containers.filter(isFine).length} of ${containers.length} healthy`;
    const { id, state, health } = containers[0]!;
    if (!ended && this.#old.has(id)) return "looking whether it changed";
    if (state === "created") return "waiting for what it depends on";
    return state === "running" ? health || "running" : state;
  }
}

function isFine(container: Container): boolean {
  return container.state === "running" && (container.health === "healthy" || container.health === "");
}

function isDone(container: Container): boolean {
  return container.state === "exited" && container.exitCode === 0;
}

function refused(service: string, { stderr, timedOut }: Output): LaunchFailure {
  const words = timedOut ? "it took too long" : lastLine(stderr);
  const likely = likelyCause(words);
  return new LaunchFailure("service", {
    what: `Compose could not start ${service}`,
    cause: likely?.cause ?? words,
    next: [...(likely ? [likely.next] : []), "then the same command again: what runs is kept"],
    evidence: stderr.split("\n").filter((line) => line.trim() !== "").slice(-5),
  });
}
