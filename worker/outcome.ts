/** How an analysis ended, and whose fault it was when it failed. */
import { DeadlineError } from "../core/deadline.ts";
import { ResultSchema } from "../core/result.ts";
import type { Failure } from "../core/store/claims.ts";
import { AnalysisError, type Usage } from "./analysers/analyser.ts";
import type { Ending } from "./gate.ts";

/** A result is JSON, written once for store and cache. */
export interface Success {
  readonly ok: true;
  readonly result: string;
  /** Whether it was in the cache. @default false */
  readonly fromCache?: boolean;
  readonly usage?: Usage | undefined;
}

export interface Failed {
  readonly ok: false;
  /** Whether it counts as an attempt, or ends the thought. */
  readonly kind: Failure["kind"];
  readonly reason: FailureReason;
  /** For the person who reads the thought; no thought text. Null keeps the present one. */
  readonly error: string | null;
  /** Minimum wait of the thought, in milliseconds. @default by its number of attempts */
  readonly delayMs?: number | undefined;
  readonly usage?: Usage | undefined;
}

export type Outcome = Success | Failed;

/** The label of `batch_processor_retries_total` and `batch_processor_released_total`. */
export type FailureReason =
  | "analyser_error"
  | "analyser_timeout"
  | "invalid_result"
  | "unstorable_result"
  | "refused"
  | "unavailable"
  | "stopped";

/** How often a thought may time out while nothing else gets through, before it is at fault. */
const FREE_TIMEOUTS = 20;
/** Maximum wait of a thought for an endpoint: the gate decides whether it may call. */
const MAX_UNAVAILABLE_MS = 10_000;

/** Judges what an analyser returned. */
export function outcomeOf(result: unknown, usage: unknown): Outcome {
  const used = saneUsage(usage);
  const checked = ResultSchema.safeParse(result);
  if (checked.success) return { ok: true, result: JSON.stringify(checked.data), usage: used };
  const where = checked.error.issues[0]?.path.join(".") || "as a whole";
  return {
    ok: false,
    kind: "charged",
    reason: "invalid_result",
    error: `The analyser's result is not valid (${where})`,
    usage: used,
  };
}

/**
 * Judges what an analyser threw.
 *
 * @param othersGotThrough whether another analysis succeeded at about the same time
 * @param released how often
 * the thought was released uncharged
 */
export function outcomeOfError(error: unknown, othersGotThrough: boolean, released: number): Failed {
  const charged = { ok: false, kind: "charged", reason: "analyser_error" } as const;
  if (error instanceof DeadlineError) return timedOut(error.message, othersGotThrough, released);
  if (!(error instanceof AnalysisError)) {
    const name = error instanceof Error ? error.name : typeof error;
    return { ...charged, error: `The analyser failed (${name})` };
  }
  const { kind, message } = error;
  const usage = saneUsage(error.usage);
  if (kind === "timeout") return { ...timedOut(message, othersGotThrough, released), usage };
  if (kind === "refused") return { ...charged, kind, reason: "refused", error: message, usage };
  if (kind === "unavailable") {
    const delayMs = error.retryAfterMs === undefined
      ? undefined
      : Math.min(error.retryAfterMs, MAX_UNAVAILABLE_MS);
    return { ...charged, kind: "released", reason: "unavailable", error: message, delayMs, usage };
  }
  return { ...charged, error: message, usage };
}

/** What the gate is told about an outcome. */
export function endingOf(outcome: Outcome, error: unknown): Ending {
  const { usage } = outcome;
  if (outcome.ok) return { kind: "ok", usage };
  if (outcome.reason === "refused") return { kind: "refused", usage };
  if (outcome.reason === "analyser_timeout") return { kind: "timeout", usage };
  if (!(error instanceof AnalysisError && error.kind === "unavailable")) return { kind: "invalid", usage };
  const { scope, retryAfterMs, message } = error;
  return { kind: "unavailable", scope, retryAfterMs, reason: message, usage };
}

function timedOut(message: string, othersGotThrough: boolean, released: number): Failed {
  const charged = othersGotThrough || released >= FREE_TIMEOUTS;
  return { ok: false, kind: charged ? "charged" : "released", reason: "analyser_timeout", error: message };
}

const MAX_TOKENS = 1e9;
const MAX_USD = 1e6;

/** An endpoint may say anything; a count that is not a sane number is unknown. */
export function saneUsage(usage: unknown): Usage | undefined {
  if (typeof usage !== "object" || usage === null) return undefined;
  const { provider, model, inputTokens, outputTokens, costUsd } = usage as Record<string, unknown>;
  const counts = [inputTokens, outputTokens];
  const { requests = 1 } = usage as { requests?: unknown };
  const sane = typeof provider === "string" && typeof model === "string" &&
    counts.every((count) =>
      Number.isSafeInteger(count) && Number(count) >= 0 && Number(count) <= MAX_TOKENS
    ) &&
    Number.isSafeInteger(requests) && typeof costUsd === "number" && costUsd >= 0 && costUsd <= MAX_USD;
  return sane ? usage as Usage : undefined;
}
