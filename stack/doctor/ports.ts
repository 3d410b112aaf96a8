/** Host ports: each free, or held by this stack already. */
import type { Container, Declared } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { type LaunchFailure, prerequisite } from "../failure.ts";
import type { Host } from "../host.ts";
import { holderOf, isFree } from "../docker/port.ts";

export async function checkPorts(
  host: Host,
  docker: Docker,
  declared: readonly Declared[],
  containers: readonly Container[],
): Promise<string> {
  const published = new Set(containers.flatMap((c) => c.ports.map((p) => p.host)));
  const names = containers.map((c) => c.name);
  // A container that is just restarting shows no ports, yet Docker keeps them for it.
  const ours = async (port: number) => (await docker.publishing(port)).some((name) => names.includes(name));
  const found: number[] = [];
  for (const { name, ports, replicas } of declared) {
    for (const { from, to, address } of ports) {
      const all = Array.from({ length: to - from + 1 }, (_, i) => from + i);
      const taken = all.filter((port) => !published.has(port) && !isFree(port, address));
      const usable = all.filter((port) => !taken.includes(port));
      // Each replica takes one of a range; a range that is too short is Compose's to refuse.
      const needed = Math.min(replicas, all.length);
      if (usable.length < needed && !await ours(taken[0]!)) {
        throw await portTaken(taken[0]!, name, host, docker);
      }
      found.push(...usable.slice(0, needed));
    }
  }
  return `${found.length} free or ours: ${found.sort((a, b) => a - b).join(" ")}`;
}

async function portTaken(port: number, service: string, host: Host, docker: Docker): Promise<LaunchFailure> {
  const [container] = await docker.publishing(port);
  const holder = container ? `the container ${container}` : await holderOf(port, host);
  return prerequisite(`Port ${port} is taken, ${service} needs it`, {
    cause: `held by ${holder ?? "a program of another user"}`,
    next: [
      container ? `docker stop ${container}` : "stop that program",
      "then run the same command again",
    ],
  });
}
