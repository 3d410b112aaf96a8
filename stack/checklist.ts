/** Runs checks in parallel, and reports each result to a view. */
import { LaunchFailure } from "./failure.ts";
import type { Host } from "./host.ts";

/** One thing to check, or a service to wait for. */
export interface Check {
  readonly name: string;
  /** Checks before it in the list that have to pass first; if one does not, this one is skipped. */
  readonly after?: readonly string[];
  /** @returns the evidence that it passed @throws {LaunchFailure} when it did not */
  run(progress: Progress): Promise<string | Finding>;
}

export interface Progress {
  /** Shows its progress. */
  say(state: string): void;
  /** Aborted by Ctrl-C, and when another check of a `stopAtFirst` checklist failed. */
  readonly signal: AbortSignal;
}

/** Passed, with more than the evidence. */
export interface Finding {
  readonly text: string;
  /** Passed, but needs a person's attention. */
  readonly warn?: boolean;
  /** Not checked at all; the text says why. */
  readonly skipped?: boolean;
  /** What to do about it, or details; one line each. */
  readonly notes?: readonly string[];
}

export type Outcome = "ok" | "warn" | "failed" | "skipped";

export interface CheckResult {
  readonly name: string;
  readonly outcome: Outcome;
  /** The evidence, the warning, or why not. */
  readonly text: string;
  readonly seconds: number;
  readonly notes: readonly string[];
  readonly failure?: LaunchFailure;
}

export interface ChecklistResult {
  readonly name: string;
  readonly seconds: number;
  readonly checks: readonly CheckResult[];
}

/** Shows a checklist to a person while it runs. */
export interface View {
  start(checklist: string, checks: readonly string[]): void;
  update(check: string, state: string, seconds: number): void;
  finish(result: CheckResult): void;
  /** The last call of a checklist; the next one may start once it settles. */
  end(result: ChecklistResult): Promise<void>;
}

/** How often the seconds on the screen advance. */
const TICK_MS = 250;

/**
 * Runs every check at once, each as soon as those it is `after` have passed. A check that fails does not stop
 * the others, unless the checklist is to stop at the first.
 *
 * @throws the signal's reason on Ctrl-C, and what a check threw other than a {@linkcode LaunchFailure}
 */
export async function runChecklist(
  host: Host,
  view: View,
  checklist: { name: string; checks: readonly Check[]; stopAtFirst?: boolean },
): Promise<ChecklistResult> {
  const { name, checks, stopAtFirst = false } = checklist;
  const stop = new AbortController();
  const signal = AbortSignal.any([host.signal, stop.signal]);
  const started = host.now();
  const states = new Map<string, string>();
  /** A bug of ours, rethrown once the view has ended. */
  let crash: { error: unknown } | undefined;
  const seconds = () => (host.now() - started) / 1_000;
  view.start(name, checks.map((check) => check.name));

  const results = new Map<string, Promise<CheckResult>>();
  for (const check of checks) results.set(check.name, settle(check));
  const ticking = setInterval(
    () => states.forEach((state, check) => view.update(check, state, seconds())),
    TICK_MS,
  );
  try {
    const result = { name, checks: await Promise.all(results.values()), seconds: seconds() };
    await view.end(result);
    host.signal.throwIfAborted();
    if (crash) throw crash.error;
    return result;
  } finally {
    clearInterval(ticking);
  }

  async function settle(check: Check): Promise<CheckResult> {
    // A check named in `after` is before this one, so its promise exists already.
    const before = await Promise.all((check.after ?? []).map((other) => results.get(other)));
    const missing = before.find((r) => r?.outcome === "failed" || r?.outcome === "skipped");
    const result = missing
      ? skipped(check.name, `not tried: ${missing.name} ${missing.outcome}`)
      : await attempt(check);
    states.delete(check.name);
    view.finish(result);
    if (result.outcome === "failed" && stopAtFirst) stop.abort(new Stopped());
    return result;
  }

  async function attempt(check: Check): Promise<CheckResult> {
    const from = host.now();
    const base = () => ({ name: check.name, seconds: (host.now() - from) / 1_000, notes: [] });
    const say = (state: string) => {
      states.set(check.name, state);
      view.update(check.name, state, seconds());
    };
    try {
      const answer = await check.run({ say, signal });
      const finding: Finding = typeof answer === "string" ? { text: answer } : answer;
      const { text, warn, skipped, notes = [] } = finding;
      return { ...base(), outcome: skipped ? "skipped" : warn ? "warn" : "ok", text, notes };
    } catch (failure) {
      if (signal.aborted) {
        return { ...base(), outcome: "skipped", text: states.get(check.name) ?? "not tried" };
      }
      if (failure instanceof LaunchFailure) {
        return { ...base(), outcome: "failed", text: failure.message, failure };
      }
      crash ??= { error: failure };
      stop.abort(new Stopped());
      return { ...base(), outcome: "failed", text: String(failure) };
    }
  }
}

/** Every failure of a checklist, in the order of its checks. */
export function failuresOf(result: ChecklistResult): LaunchFailure[] {
  return result.checks.flatMap((check) => check.failure ? [check.failure] : []);
}

function skipped(name: string, text: string): CheckResult {
  return { name, outcome: "skipped", text, seconds: 0, notes: [] };
}

class Stopped extends Error {
  override message = "another check failed";
}
