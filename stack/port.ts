/** Who listens on a TCP port of this machine. */
import type { Host } from "./host.ts";

/** Whether a listener could take the port now. */
export function isFree(port: number, hostname: string): boolean {
  try {
    Deno.listen({ port, hostname }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    // Below 1024 only root may listen; Docker may.
    if (error instanceof Deno.errors.PermissionDenied) return true;
    throw error;
  }
}

/** @returns such as "node (pid 4711)", or undefined when this user may not know */
export async function holderOf(port: number, host: Host): Promise<string | undefined> {
  return Deno.build.os === "linux" ? await holderFromProc(port) : await holderFromLsof(port, host);
}

/** `lsof` is not everywhere on Linux; /proc is. */
async function holderFromProc(port: number): Promise<string | undefined> {
  const inodes = await listeningInodes(port);
  if (inodes.size === 0) return undefined;
  for await (const { name: pid } of Deno.readDir("/proc")) {
    if (/^\d+$/.test(pid) && await holdsSocket(pid, inodes)) {
      const name = await Deno.readTextFile(`/proc/${pid}/comm`).catch(() => "?");
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

async function listeningInodes(port: number): Promise<Set<string>> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const text = await Deno.readTextFile(table).catch(() => "");
    for (const line of text.split("\n").slice(1)) {
      // sl, local address, remote address, state (0A is LISTEN), …, the inode tenth
      const [, local = "", , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === "0A" && local.endsWith(`:${hex}`) && inode) inodes.add(`socket:[${inode}]`);
    }
  }
  return inodes;
}

async function holdsSocket(pid: string, inodes: Set<string>): Promise<boolean> {
  try {
    for await (const { name: fd } of Deno.readDir(`/proc/${pid}/fd`)) {
      if (inodes.has(await Deno.readLink(`/proc/${pid}/fd/${fd}`).catch(() => ""))) return true;
    }
  } catch {
    // Somebody else's process, or one that has just ended.
  }
  return false;
}

async function holderFromLsof(port: number, host: Host): Promise<string | undefined> {
  const args = ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"];
  const { code, stdout } = await host.run("lsof", args, { deadlineMs: 5000 });
  const pid = /^p(\d+)$/m.exec(stdout)?.[1];
  const name = /^c(.+)$/m.exec(stdout)?.[1];
  return code === 0 && pid ? `${name ?? "?"} (pid ${pid})` : undefined;
}
