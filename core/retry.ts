/**
 * Retries: a loop that survives failures, the back-off between attempts, and a pause that a signal cuts
 * short.
 */
import { type Logger, reason } from "./telemetry/log.ts";

/**
 * Repeats a step until the signal aborts. A step that throws is logged and retried after a doubling pause
 * with jitter; one that returns says how long to wait before the next.
 *
 * @param step returns the pause before its next run, in milliseconds
 */
export async function repeat(
  name: string,
  options: RepeatOptions,
  step: () => Promise<number>,
): Promise<void> {
  const { log, signal, maxBackoffMs = 5_000, wait = pause } = options;
  for (let failures = 0; !signal.aborted;) {
    let pauseMs: number;
    try {
      pauseMs = await step();
      failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      pauseMs = backoffMs(failures++, { firstMs: 100, maxMs: maxBackoffMs });
      log.warn(`${name} failed, trying again`, { reason: reason(error), pause_ms: pauseMs });
    }
    await wait(pauseMs, signal);
  }
}

export interface RepeatOptions {
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** The longest pause after a failure, in milliseconds. @default 5_000 */
  readonly maxBackoffMs?: number;
  /** How a pause is spent. @default pause */
  readonly wait?: Alarm["wait"];
}

/** Exponential back-off with full jitter over its upper half: `firstMs · 2^failures`, at most `maxMs`. */
export function backoffMs(
  failures: number,
  limits: { readonly firstMs: number; readonly maxMs: number },
): number {
  const full = Math.min(limits.maxMs, limits.firstMs * 2 ** failures);
  return Math.round(full / 2 + Math.random() * full / 2);
}

/** Waits, or returns early when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done, { once: true });
  });
}

/** A pause that ends early when something happens. */
export interface Alarm {
  /** Ends the current pause, or else the next one before it begins. */
  ring(): void;
  /** Waits, or returns early when the alarm rings or the signal aborts. */
  wait(ms: number, signal?: AbortSignal): Promise<void>;
}

export function createAlarm(): Alarm {
  let rung = new AbortController();
  return {
    ring: () => rung.abort(),
    async wait(ms, signal) {
      await pause(ms, signal === undefined ? rung.signal : AbortSignal.any([signal, rung.signal]));
      if (rung.signal.aborted) rung = new AbortController();
    },
  };
}
