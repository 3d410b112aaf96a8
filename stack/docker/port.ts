/** Who listens on a TCP port of this machine. */
import type { Host } from "../host.ts";

/**
 * Whether a listener could take the port now on the loopback address. The launcher may listen nowhere else,
 * and the test there suffices for a port that an override publishes on every interface.
 */
export function isFree(port: number): boolean {
  try {
    Deno.listen({ port, hostname: "127.0.0.1" }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    // Below 1024 only root may listen; Docker may.
    if (error instanceof Deno.errors.PermissionDenied) return true;
    throw error;
  }
}

/**
 * The first of a number of consecutive free ports, starting from a port; undefined if there are none.
 *
 * @param promised ports that somebody else is to get
 */
export function freeRow(from: number, count: number, promised: ReadonlySet<number>): number | undefined {
  const isUsable = (port: number) => !promised.has(port) && isFree(port);
  for (let first = from; first + count <= 65_536; first += count) {
    if (portsFrom(first, count).every(isUsable)) return first;
  }
  return undefined;
}

export function portsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

const ASK_MS = 5_000;

/** @returns such as "node (pid 4711)", or undefined if unknown: it may be another user's */
export async function holderOf(port: number, host: Host): Promise<string | undefined> {
  return await holderBySs(port, host) ?? await holderByLsof(port, host);
}

/**
 * On every Linux with iproute2. The launcher may not read /proc itself: Deno lets only `--allow-all` do that.
 */
async function holderBySs(port: number, host: Host): Promise<string | undefined> {
  const { stdout } = await host.run("ss", ["-ltnpH", `sport = :${port}`], { deadlineMs: ASK_MS });
  const [, name, pid] = /users:\(\("([^"]+)",pid=(\d+)/.exec(stdout) ?? [];
  return pid && `${name} (pid ${pid})`;
}

async function holderByLsof(port: number, host: Host): Promise<string | undefined> {
  const args = ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"];
  const { stdout } = await host.run("lsof", args, { deadlineMs: ASK_MS });
  const pid = /^p(\d+)$/m.exec(stdout)?.[1];
  return pid && `${/^c(.+)$/m.exec(stdout)?.[1] ?? "?"} (pid ${pid})`;
}
