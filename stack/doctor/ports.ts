/** Host ports: each free, or held by this stack already. */
import type { Container, Declared } from "../compose.ts";
import type { Docker } from "../docker.ts";
import { type LaunchFailure, missing } from "../failure.ts";
import type { Host } from "../host.ts";
import { holderOf, isFree } from "../port.ts";

export async function checkPorts(
  host: Host,
  docker: Docker,
  declared: readonly Declared[],
  containers: readonly Container[],
): Promise<string> {
  const ours = new Set(containers.flatMap((c) => c.ports.map((p) => p.host)));
  const free: number[] = [];
  for (const { name, ports, replicas } of declared) {
    for (const { from, to, address } of ports) {
      const all = Array.from({ length: to - from + 1 }, (_, i) => from + i);
      const usable = all.filter((port) => ours.has(port) || isFree(port, address));
      // Each replica takes one of a range; a range that is too short is Compose's to refuse.
      const needed = Math.min(replicas, all.length);
      if (usable.length >= needed) free.push(...usable.slice(0, needed));
      else throw await taken(all.find((port) => !usable.includes(port))!, name, host, docker);
    }
  }
  return `${free.length} free or ours: ${free.sort((a, b) => a - b).join(" ")}`;
}

async function taken(port: number, service: string, host: Host, docker: Docker): Promise<LaunchFailure> {
  const [container] = await docker.publishing(port);
  const holder = container ? `the container ${container}` : await holderOf(port, host);
  return missing(`Port ${port} is taken, ${service} needs it`, {
    cause: `held by ${holder ?? "a program of another user"}`,
    next: [
      container ? `docker stop ${container}` : "stop that program",
      "then the same command again",
    ],
  });
}
