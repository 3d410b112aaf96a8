/** What this worker holds: every claim that is being analysed or stored, and the renewal of its lease. */
import { repeat } from "../core/retry.ts";
import type { Claim, Claims } from "../core/store/claims.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { BatchTrace } from "./batch_trace.ts";

/** A claim in this worker, from its claiming until its end is stored. */
export interface HeldClaim {
  readonly claim: Claim;
  /** When it was claimed, in milliseconds since the epoch. */
  readonly claimedAt: number;
  readonly trace: BatchTrace;
  state: "analysing" | "settling" | "over";
  /** Ends the analysis early, if it is in progress. */
  abort?: () => void;
}

export interface Held {
  add(claims: readonly Claim[], claimedAt: number, trace: BatchTrace): HeldClaim[];
  remove(held: HeldClaim): void;
  all(): HeldClaim[];
}

export function createHeld(): Held {
  const held = new Set<HeldClaim>();
  return {
    add(claims, claimedAt, trace) {
      const added = claims.map((claim): HeldClaim => ({ claim, claimedAt, trace, state: "analysing" }));
      for (const one of added) held.add(one);
      return added;
    },
    remove(one) {
      one.state = "over";
      held.delete(one);
    },
    all: () => [...held],
  };
}

/** Claims renewed by one statement. */
const CHUNK = 1_000;

export interface RenewalOptions {
  readonly held: Held;
  readonly claims: Pick<Claims, "renew">;
  readonly leaseMs: number;
  /**
   * Called with a claim that is no longer this worker's: its thought was deleted, cancelled or taken over.
   */
  readonly onLost: (held: HeldClaim) => void;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Renews what is held, three times within a lease, until the signal aborts. */
export function runRenewals(options: RenewalOptions): Promise<void> {
  const { held, claims, leaseMs, onLost, metrics, log, signal } = options;
  return repeat("renewal of claims", { log, signal }, async () => {
    const old = held.all().filter(({ claimedAt, state }) =>
      state !== "over" && Math.abs(Date.now() - claimedAt) > leaseMs / 6
    );
    for (let at = 0; at < old.length; at += CHUNK) {
      const chunk = old.slice(at, at + CHUNK);
      try {
        const mine = await claims.renew(chunk.map(({ claim }) => claim));
        // A result being stored may have been stored meanwhile: its fence decides.
        for (const one of chunk) if (one.state === "analysing" && !mine.has(one.claim.id)) onLost(one);
      } catch (error) {
        metrics.batch_processor_renewal_failures_total.inc();
        log.warn("claims not renewed", { reason: reason(error), claims: chunk.length });
      }
    }
    return leaseMs / 3;
  });
}
