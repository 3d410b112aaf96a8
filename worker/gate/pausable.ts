/**
 * A gate that an operator can close for all workers: analyses in progress finish, and none begins until the
 * pause is over.
 */
import { pause as wait, repeat } from "../../core/retry.ts";
import type { Pause, Pauses } from "../../core/store/pauses.ts";
import type { Logger } from "../../core/telemetry/log.ts";
import type { Gate } from "../gate.ts";

/** How soon a pause, or its end, takes effect at the latest. */
const LOOK_EVERY_MS = 2_000;

export interface PausableGateOptions {
  /** The gate behind it. */
  readonly gate: Gate;
  readonly pauses: Pick<Pauses, "current">;
  readonly log: Logger;
  /** @default 2_000 */
  readonly everyMs?: number;
}

/**
 * Puts a pause before a gate. Until the store has said whether the workers are paused, nothing begins: a
 * pause outlives a restart. While the store is down, the last state read holds.
 */
export function createPausableGate(
  { gate, pauses, log, everyMs = LOOK_EVERY_MS }: PausableGateOptions,
): Gate {
  let pause: Pause | null | undefined;
  let changed = Promise.withResolvers<void>();
  const stop = new AbortController();
  const looking = repeat("looking for a pause", { log, signal: stop.signal }, async () => {
    const found = await pauses.current();
    if (found?.since !== pause?.since || (found === null) !== (pause === null)) {
      if (found) log.warn("paused by an operator", { author: found.author, reason: found.reason });
      else if (pause) log.warn("resumed by an operator");
      pause = found;
      changed.resolve();
      changed = Promise.withResolvers();
    }
    return everyMs;
  });

  return {
    async enter(most, signal) {
      while (!signal.aborted) {
        if (pause !== null) {
          await Promise.race([changed.promise, wait(everyMs, signal)]);
          continue;
        }
        const entered = await gate.enter(most, signal);
        if (pause === null) return entered;
        gate.giveBack(entered); // paused while it waited
      }
      return 0;
    },
    giveBack: (count) => gate.giveBack(count),
    report: (ending) => gate.report(ending),
    state() {
      const state = gate.state();
      return pause
        ? { ...state, status: "closed", reason: "paused", since: pause.since, blockedUntil: null }
        : state;
    },
    lanes: () => gate.lanes(),
    async [Symbol.asyncDispose]() {
      stop.abort();
      await looking;
      await gate[Symbol.asyncDispose]();
    },
  };
}
