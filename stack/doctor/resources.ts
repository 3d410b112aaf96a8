/** Memory and disk for the stack. */
import { statfs } from "node:fs/promises";
import type { Docker } from "../docker/docker.ts";
import { prerequisite } from "../failure.ts";
import type { Finding } from "../checklist.ts";

const GIB = 1_024 ** 3;
/** The whole stack takes 1.3 GB at rest; the rest is for work, queries and builds. */
const MEMORY_NEEDED = 3 * GIB;
/** The images take about 3 GB, a week of metrics, logs and traces the rest. */
const DISK_NEEDED = 10 * GIB;
const DISK_LEAST = 2 * GIB;

export async function checkMemory(docker: Docker): Promise<string | Finding> {
  const engine = await docker.resources();
  if (!engine) return { warn: true, text: "Docker does not say how much there is" };
  const text = `${gib(engine.memoryBytes)} and ${engine.cpus} CPUs for Docker`;
  if (engine.memoryBytes >= MEMORY_NEEDED) return text;
  return {
    warn: true,
    text: `${text}; the whole stack needs ${gib(MEMORY_NEEDED)}`,
    notes: ["give Docker more, or leave something out: --without tempo,grafana"],
  };
}

export async function checkDisk(dir: string): Promise<string | Finding> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  if (free >= DISK_NEEDED) return `${gib(free)} free`;
  if (free >= DISK_LEAST) {
    return { warn: true, text: `only ${gib(free)} free`, notes: ["docker system prune frees some"] };
  }
  throw prerequisite(`Only ${gib(free)} of disk space is free`, {
    cause: `images and a first day of data take ${gib(DISK_LEAST)}`,
    next: ["free some space: docker system prune"],
  });
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GB`;
}
