/** Memory and disk for the stack. */
import type { Finding } from "../checklist.ts";
import type { Docker } from "../docker/docker.ts";
import { prerequisite } from "../failure.ts";
import type { Host } from "../host.ts";

const GIB = 1_024 ** 3;
/** The whole stack takes 1.3 GB when idle; the rest is for work, queries and builds. */
const MEMORY_NEEDED = 4 * GIB;
/** The images take about 3 GB, a week of metrics, logs and traces the rest. */
const DISK_NEEDED = 10 * GIB;
const DISK_LEAST = 2 * GIB;
const QUERY_MS = 5_000;

export async function checkMemory(docker: Docker): Promise<string | Finding> {
  const info = await docker.info();
  if (!info) return { warn: true, text: "Docker does not report its memory" };
  const text = `${gib(info.memoryBytes)} and ${info.cpus} CPUs for Docker`;
  if (info.memoryBytes >= MEMORY_NEEDED) return text;
  return {
    warn: true,
    text: `${text}; the whole stack needs ${gib(MEMORY_NEEDED)}`,
    notes: ["give Docker more, or leave something out: --without tempo,grafana"],
  };
}

/** The disk of Docker's root: images and volumes are there, not in this folder. */
export async function checkDisk(host: Host, docker: Docker): Promise<string | Finding> {
  const root = (await docker.info())?.root;
  const free = root && await freeBytes(host, root);
  if (!free) return "Docker's disk is in its virtual machine, and was not checked";
  if (free >= DISK_NEEDED) return `${gib(free)} free at ${root}`;
  if (free >= DISK_LEAST) {
    return {
      warn: true,
      text: `only ${gib(free)} free at ${root}`,
      notes: ["docker system prune frees some", "at 97 % of a disk Loki refuses log lines"],
    };
  }
  throw prerequisite(`Only ${gib(free)} of disk space is free at ${root}`, {
    cause: `images and a first day of data take ${gib(DISK_LEAST)}`,
    next: ["free some space: docker system prune"],
  });
}

/** @returns undefined when the folder is not on this machine */
async function freeBytes(host: Host, path: string): Promise<number | undefined> {
  const { code, stdout } = await host.run("df", ["-Pk", path], { deadlineMs: QUERY_MS });
  const kib = Number(stdout.trim().split("\n").at(-1)?.split(/\s+/).at(-3));
  return code === 0 && Number.isFinite(kib) ? kib * 1024 : undefined;
}

function gib(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GB`;
}
