/** Host ports: each free, or held by this stack already. */
import type { Container, Declared } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { freeRow, holderOf, isFree, portsFrom } from "../docker/port.ts";
import { type LaunchFailure, prerequisite } from "../failure.ts";
import type { Host } from "../host.ts";
import type { Paths } from "../paths.ts";
import { type Service, SERVICES } from "../services.ts";

export interface PortOptions {
  readonly host: Host;
  readonly docker: Docker;
  readonly paths: Paths;
  readonly declared: readonly Declared[];
  readonly containers: readonly Container[];
}

/** A service whose port is taken. */
interface Conflict {
  readonly service: string;
  readonly port: number;
  readonly holder: string;
  /** Another container holds it. */
  readonly container: string | undefined;
  /** "GRAFANA_PORT=3002" */
  readonly move: string | undefined;
}

export async function checkPorts(options: PortOptions): Promise<string> {
  const { host, docker, declared, containers } = options;
  const published = new Set(containers.flatMap(({ ports }) => ports.map((port) => port.host)));
  const names = containers.map(({ name }) => name);
  const found: number[] = [];
  const conflicts: Conflict[] = [];
  /** Those that a service has or is advised to take. */
  const promised = new Set(
    declared.flatMap(({ ports }) => ports.flatMap(({ from, to }) => portsFrom(from, to - from + 1))),
  );
  for (const { name, ports, replicas } of declared) {
    for (const { from, to } of ports) {
      if (from === 0) continue; // any free port
      const all = portsFrom(from, to - from + 1);
      const taken = all.filter((port) => !published.has(port) && !isFree(port));
      const usable = all.filter((port) => !taken.includes(port));
      // Each replica takes one of a range; Compose refuses a range that is too short.
      const needed = Math.min(replicas, all.length);
      found.push(...usable.slice(0, needed));
      if (usable.length >= needed) continue;
      const port = taken[0]!;
      const publishing = await docker.publishing(port);
      // A restarting container shows no ports, but Docker reserves them for it.
      if (publishing.some((container) => names.includes(container))) continue;
      const holder = publishing[0] ? `the container ${publishing[0]}` : await holderOf(port, host);
      conflicts.push({
        service: name,
        port,
        holder: holder ?? "a program of another user",
        container: publishing[0],
        move: moveText(name, to + 1, all.length, promised),
      });
    }
  }
  if (conflicts.length > 0) throw portsTaken(conflicts, options.paths);
  return `${found.length} free or ours: ${found.sort((a, b) => a - b).join(" ")}`;
}

/** Adds the ports it advises to those that are promised. */
function moveText(name: string, from: number, count: number, promised: Set<number>): string | undefined {
  const services: readonly Service[] = SERVICES;
  const variable = services.find((service) => service.name === name)?.portVariable;
  const first = freeRow(from, count, promised);
  if (!variable || first === undefined) return undefined;
  for (const port of portsFrom(first, count)) promised.add(port);
  return `${variable}=${count === 1 ? first : `${first}-${first + count - 1}`}`;
}

function portsTaken(conflicts: readonly Conflict[], { envFile }: Paths): LaunchFailure {
  const [first, ...others] = conflicts;
  const containers = [...new Set(conflicts.flatMap(({ container }) => container ?? []))];
  const moves = conflicts.flatMap(({ move }) => move ?? []);
  return prerequisite(
    others.length === 0
      ? `Port ${first!.port} is taken, ${first!.service} needs it`
      : `${conflicts.length} ports are taken: ${conflicts.map((c) => `${c.port} (${c.service})`).join(", ")}`,
    {
      cause: conflicts.map(({ port, holder }) =>
        others.length === 0 ? `held by ${holder}` : `${port} is held by ${holder}`
      )
        .join("; "),
      next: [
        containers.length > 0 ? `docker stop ${containers.join(" ")}` : "stop that program",
        ...(moves.length > 0 ? [`or move ours: add to ${envFile}: ${moves.join(" ")}`] : []),
        "then run the same command again",
      ],
    },
  );
}
