/**
 * Suspects: thoughts whose worker's process ended while it held them. Each is tried alone, and can take no
 * other down.
 */
import { repeat } from "../core/retry.ts";
import type { Claims } from "../core/store/claims.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Analysis } from "./analysis.ts";
import { traceBatch } from "./batch_trace.ts";
import type { Gate } from "./gate.ts";
import type { Held } from "./held.ts";
import type { Lanes } from "./lanes.ts";

export interface SuspectsOptions {
  readonly claims: Pick<Claims, "hasSuspects" | "claimSuspect">;
  readonly lanes: Lanes;
  readonly gate: Gate;
  readonly held: Held;
  readonly analysis: Analysis;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Pause between two polls, with jitter to spread the workers. */
const EVERY_MS = 1_000;
/** Suspects may keep the process to themselves for this long; then the others have it for as long. */
const MAX_ALONE_MS = 30_000;

/** Runs until the signal aborts. */
export function runSuspects(options: SuspectsOptions): Promise<void> {
  const { claims, lanes, gate, held, analysis, log, signal } = options;

  /** Tries one; false when there is none, or the gate is closed. */
  async function tryOne(): Promise<boolean> {
    const entered = await gate.enter(1, AbortSignal.any([signal, AbortSignal.timeout(EVERY_MS)]));
    if (entered === 0) return false;
    const claimedAt = Date.now();
    const claim = await claims.claimSuspect().catch((error) => {
      gate.giveBack(1);
      throw error;
    });
    if (claim === null) {
      gate.giveBack(1);
      return false;
    }
    log.warn("trying a thought alone, since it was held when a worker's process ended", {
      thought_id: claim.id,
    });
    const trace = traceBatch([], [claim], claimedAt);
    lanes.takeAlone();
    await analysis.run(held.add([claim], claimedAt, trace), trace);
    await lanes.idle();
    return true;
  }

  return repeat("suspects", { log, signal }, async () => {
    const pauseMs = EVERY_MS * (1 + Math.random());
    if (!await claims.hasSuspects()) return pauseMs;
    const startedAt = performance.now();
    await lanes.alone(signal, async () => {
      while (!signal.aborted && performance.now() - startedAt < MAX_ALONE_MS && await tryOne());
    });
    return Math.max(pauseMs, Math.min(MAX_ALONE_MS, performance.now() - startedAt));
  });
}
