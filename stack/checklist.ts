import { LaunchFailure } from "./failure.ts";
import type { Host } from "./host.ts";

/** One line of a phase: a service to wait for, a check to make. */
export interface Row {
  name: string;
  /** Rows of the same phase that have to be fine first; when one is not, this one is skipped. */
  after?: readonly string[];
  /** @returns the evidence that it is fine @throws {LaunchFailure} when it is not */
  run(row: RunningRow): Promise<string | Finding>;
}

export interface RunningRow {
  /** Shows how far it is. */
  say(state: string): void;
  /** Aborted by Ctrl-C, and when another row of a `stopAtFirst` phase failed. */
  signal: AbortSignal;
}

/** Fine, with more to know than the evidence. */
export interface Finding {
  text: string;
  /** Fine for now, but the person should look at it. */
  warn?: boolean;
  /** What to do about it, or details; one line each. */
  notes?: readonly string[];
}

export type Outcome = "ok" | "warn" | "failed" | "skipped";

export interface RowResult {
  name: string;
  outcome: Outcome;
  /** The evidence, the warning, or why not. */
  text: string;
  seconds: number;
  notes: readonly string[];
  failure?: LaunchFailure;
}

export interface PhaseResult {
  name: string;
  seconds: number;
  rows: RowResult[];
}

/** Shows a phase to a person, while it runs. */
export interface View {
  start(phase: string, rows: readonly string[]): void;
  update(row: string, state: string, seconds: number): void;
  finish(result: RowResult): void;
  /** The last call of a phase; the next one may start once it is settled. */
  end(result: PhaseResult): Promise<void>;
}

/** How often the seconds on the screen move. */
const TICK_MS = 250;

/**
 * Runs every row at once, each as soon as those it is `after` are fine. A row that fails does not stop the others,
 * unless the phase is to stop at the first.
 *
 * @throws the signal's reason on Ctrl-C, and what a row threw other than a {@linkcode LaunchFailure}
 */
export async function runPhase(
  host: Host,
  view: View,
  phase: { name: string; rows: readonly Row[]; stopAtFirst?: boolean },
): Promise<PhaseResult> {
  const { name, rows, stopAtFirst = false } = phase;
  const stop = new AbortController();
  const signal = AbortSignal.any([host.signal, stop.signal]);
  const started = host.now();
  const states = new Map<string, string>();
  /** A bug of ours; the screen is left in order before it goes on up. */
  let crash: { error: unknown } | undefined;
  const seconds = () => (host.now() - started) / 1000;
  view.start(name, rows.map((row) => row.name));

  const results = new Map<string, Promise<RowResult>>();
  for (const row of rows) results.set(row.name, settle(row));
  const ticking = setInterval(
    () => states.forEach((state, row) => view.update(row, state, seconds())),
    TICK_MS,
  );
  try {
    const result = { name, rows: await Promise.all(results.values()), seconds: seconds() };
    await view.end(result);
    host.signal.throwIfAborted();
    if (crash) throw crash.error;
    return result;
  } finally {
    clearInterval(ticking);
  }

  async function settle(row: Row): Promise<RowResult> {
    // A row named in `after` stands before this one, so its promise is there already.
    const before = await Promise.all((row.after ?? []).map((other) => results.get(other)));
    const missing = before.find((r) => r?.outcome === "failed" || r?.outcome === "skipped");
    const result = missing
      ? skipped(row.name, `not tried: ${missing.name} ${missing.outcome}`)
      : await attempt(row);
    states.delete(row.name);
    view.finish(result);
    if (result.outcome === "failed" && stopAtFirst) stop.abort(new Stopped());
    return result;
  }

  async function attempt(row: Row): Promise<RowResult> {
    const from = host.now();
    const base = () => ({ name: row.name, seconds: (host.now() - from) / 1000, notes: [] });
    const say = (state: string) => {
      states.set(row.name, state);
      view.update(row.name, state, seconds());
    };
    try {
      const answer = await row.run({ say, signal });
      const { text, warn = false, notes = [] } = typeof answer === "string" ? { text: answer } : answer;
      return { ...base(), outcome: warn ? "warn" : "ok", text, notes };
    } catch (failure) {
      if (signal.aborted) {
        return { ...base(), outcome: "skipped", text: states.get(row.name) ?? "not tried" };
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

/** Every failure of a phase, in the order of its rows. */
export function failuresOf(result: PhaseResult): LaunchFailure[] {
  return result.rows.flatMap((row) => row.failure ? [row.failure] : []);
}

function skipped(name: string, text: string): RowResult {
  return { name, outcome: "skipped", text, seconds: 0, notes: [] };
}

class Stopped extends Error {
  override message = "another row failed";
}
