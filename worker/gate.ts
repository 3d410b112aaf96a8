/** The gate before the analyser: says how many analyses may begin now, and is told how each ended. */
import type { AnalysisError, Usage } from "./analysers/analyser.ts";

/** Why a gate is closed. The first four come from the analyser's endpoint, the others from us. */
export const GATE_REASONS = ["outage", "rate", "quota", "credentials", "budget", "paused"] as const;
export type GateReason = (typeof GATE_REASONS)[number];

export interface GateState {
  /** `probing`: closed, and one analysis is testing whether it may open. */
  readonly status: "open" | "closed" | "probing";
  readonly reason: GateReason | null;
  /** When it closed, in milliseconds since the epoch; null while open. */
  readonly since: number | null;
  /** Nothing begins before this time, in milliseconds since the epoch; null where it is not known. */
  readonly blockedUntil: number | null;
  /** Analyses that may be in progress at once in this process. */
  readonly limit: number;
}

/** How an analysis ended, for the gate. A cached result is not an analysis: its place is returned. */
export type Ending =
  | { readonly kind: "ok" | "refused" | "invalid" | "timeout"; readonly usage?: Usage | undefined }
  | {
    readonly kind: "unavailable";
    readonly scope: AnalysisError["scope"];
    readonly retryAfterMs?: number | undefined;
    readonly reason: string;
    readonly usage?: Usage | undefined;
  };

export interface Gate extends AsyncDisposable {
  /**
   * Waits until at least one analysis may begin, and reserves rate and budget for it.
   *
   * @returns a number in 1..most, or 0 once the signal has aborted
   */
  enter(most: number, signal: AbortSignal): Promise<number>;
  /**
   * Returns what `enter` reserved and no analysis used: fewer were claimed than allowed, or the result was
   * cached.
   */
  giveBack(count: number): void;
  /** Reports how an analysis ended. Each one entered is returned or reported, once. */
  report(ending: Ending): void;
  state(): GateState;
  /** Analyses that may be in progress at once in this process now; at most the setting. */
  lanes(): number;
}

/** A gate that is always open, for an analyser that has neither limits nor outages. */
export function createOpenGate({ lanes }: { readonly lanes: number }): Gate {
  return {
    enter: (most, signal) => Promise.resolve(signal.aborted ? 0 : most),
    giveBack() {},
    report() {},
    state: () => ({ status: "open", reason: null, since: null, blockedUntil: null, limit: lanes }),
    lanes: () => lanes,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
