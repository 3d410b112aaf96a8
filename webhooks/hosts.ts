/**
 * How many requests each receiving host may get now. A host that does not work is paused: it gets one request
 * at a time, after growing pauses, until it works again. No host takes another's room.
 */
import { backoffMs } from "../core/retry.ts";

export interface HostsOptions {
  /** Requests in progress to one host. */
  readonly perHost: number;
  /** Requests in progress to all of them, which bounds memory. @default 256 */
  readonly total?: number;
  /** @default performance.now */
  readonly now?: () => number;
}

export interface Hosts {
  /** How many more requests may be in progress to all hosts together. */
  free(): number;
  /** How many more requests a host may get now, if there is room. */
  room(host: string): number;
  /** Counts a request that begins. */
  begin(host: string): void;
  /** Counts a request that ended; `works`: the host responded as one that works. */
  end(host: string, works: boolean): void;
  isPaused(host: string): boolean;
  /** How long a paused host is still left alone, in milliseconds; 0 for every other. */
  pauseMs(host: string): number;
  /** How many hosts are paused. */
  paused(): number;
  /** Forgets hosts that nothing waits for. */
  keep(waitedFor: ReadonlySet<string>): void;
}

/** Requests that fail one after the other before a host is paused. */
const PATIENCE = 5;
const PAUSE = { firstMs: 2_000, maxMs: 300_000 };

interface Host {
  inProgress: number;
  failures: number;
  /** It gets no request before this. */
  notBefore: number;
}

export function createHosts({ perHost, total = 256, now = () => performance.now() }: HostsOptions): Hosts {
  const hosts = new Map<string, Host>();
  let all = 0;

  const isPaused = (host: Host | undefined) => host !== undefined && host.failures >= PATIENCE;

  return {
    free: () => Math.max(0, total - all),
    room(name) {
      const host = hosts.get(name);
      if (host === undefined) return perHost;
      if (!isPaused(host)) return perHost - host.inProgress;
      return host.inProgress === 0 && host.notBefore <= now() ? 1 : 0;
    },
    begin(name) {
      const host = hosts.get(name) ?? { inProgress: 0, failures: 0, notBefore: 0 };
      hosts.set(name, host);
      host.inProgress++;
      all++;
    },
    end(name, works) {
      const host = hosts.get(name)!;
      host.inProgress--;
      all--;
      if (works) host.failures = 0;
      else {
        host.failures++;
        host.notBefore = now() + backoffMs(Math.max(0, host.failures - PATIENCE), PAUSE);
      }
    },
    isPaused: (name) => isPaused(hosts.get(name)),
    pauseMs(name) {
      const host = hosts.get(name);
      return isPaused(host) ? Math.max(0, host!.notBefore - now()) : 0;
    },
    paused: () => [...hosts.values()].filter(isPaused).length,
    keep(waitedFor) {
      for (const [name, { inProgress }] of hosts) {
        if (inProgress === 0 && !waitedFor.has(name)) hosts.delete(name);
      }
    },
  };
}

/**
 * Shares a host's room among the flows that want it, as evenly as it goes.
 *
 * @param turn moves the odd ones on, so that nobody is always last
 */
export function share(flows: readonly string[], room: number, turn: number): Map<string, number> {
  const shares = new Map<string, number>();
  for (let at = 0; at < room && flows.length > 0; at++) {
    const flow = flows[(turn + at) % flows.length]!;
    shares.set(flow, (shares.get(flow) ?? 0) + 1);
  }
  return shares;
}
