/** A process's life: it starts, runs until told to stop, and then lets go of what it holds, within a deadline. */
import { type Logger, reason } from "./log.ts";

/** What a stop may take before the process ends anyway; below Docker's `stop_grace_period` of 30 s. */
export const STOP_DEADLINE_MS = 25_000;

/** Exit codes of the API and the worker; 2 is a wrong configuration (core/config.ts). */
export const EXIT = { ok: 0, failed: 1, stopTimedOut: 3 } as const;

/**
 * Runs a process: `start` puts everything that needs closing on the stack and may resolve or reject later to end the
 * process by itself; SIGTERM or SIGINT abort the signal, and then the stack is closed in reverse order.
 *
 * @returns never; ends with an exit code of {@link EXIT}
 */
export async function runProcess(
  log: Logger,
  start: (stack: AsyncDisposableStack, signal: AbortSignal) => Promise<{ readonly failed: Promise<unknown> }>,
): Promise<never> {
  const stopping = new AbortController();
  for (const name of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(name, () => stopping.abort(name));
  }
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));
  const stack = new AsyncDisposableStack();
  let code: number = EXIT.ok;
  try {
    // A start that hangs, as on a database that does not answer, must not hold up a stop.
    const started = await Promise.race([start(stack, stopping.signal), stopped]);
    const failure = await Promise.race([
      stopped,
      started?.failed.then((error) => ({ error }), (error) => ({ error })),
    ]);
    if (failure) throw failure.error;
    log.info("stopping", { signal: String(stopping.signal.reason) });
  } catch (error) {
    log.error("failed", { reason: reason(error) });
    code = EXIT.failed;
  }
  const deadline = setTimeout(() => {
    log.error("stop took too long, ending anyway", { deadline_ms: STOP_DEADLINE_MS });
    log.flush();
    Deno.exit(EXIT.stopTimedOut);
  }, STOP_DEADLINE_MS);
  stopping.abort("ending");
  await stack.disposeAsync().catch((error) => {
    log.error("stop failed", { reason: reason(error) });
    code = EXIT.failed;
  });
  clearTimeout(deadline);
  log.info("stopped", { code });
  log.flush();
  Deno.exit(code);
}

/**
 * Repeats a step until the signal aborts. A step that throws is logged and tried again after a doubling pause with
 * jitter; one that returns says how long to wait before the next.
 *
 * @param step returns the pause before its next run, in milliseconds
 */
export async function repeat(
  name: string,
  options: { readonly log: Logger; readonly signal: AbortSignal; readonly maxBackoffMs?: number },
  step: () => Promise<number>,
): Promise<void> {
  const { log, signal, maxBackoffMs = 5_000 } = options;
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
    await pause(pauseMs, signal);
  }
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

/** Thrown by {@link within}. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Waits for a promise, but no longer than a deadline; what comes later is dropped.
 *
 * @throws {DeadlineError} naming what was waited for
 */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`${what} did not answer within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
