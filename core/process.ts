/**
 * A process's life: it starts, runs until told to stop, and then closes what it holds, within a deadline.
 */
import { type Logger, reason } from "./telemetry/log.ts";

/** How long a stop may take before the process exits anyway; below Docker's `stop_grace_period` of 30 s. */
export const STOP_DEADLINE_MS = 25_000;

/** How long to wait for a slow reader of the log. */
export const LAST_LINES_MS = 1_000;

/** Exit codes of the API and the worker; 2 is an invalid configuration (core/config.ts). */
export const EXIT = { ok: 0, failed: 1, stopTimedOut: 3 } as const;

/**
 * Runs a process: `start` puts everything that needs closing on the stack and may resolve or reject later to
 * end the process; SIGTERM or SIGINT abort the signal, and then the stack is closed in reverse order.
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
    // A start that hangs, as on a database that does not respond, must not hold up a stop.
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
  const deadline = setTimeout(async () => {
    log.error("stop took too long, exiting anyway", { deadline_ms: STOP_DEADLINE_MS });
    await log.drain(LAST_LINES_MS);
    Deno.exit(EXIT.stopTimedOut);
  }, STOP_DEADLINE_MS);
  stopping.abort("ending");
  await stack.disposeAsync().catch((error) => {
    log.error("stop failed", { reason: reason(error) });
    code = EXIT.failed;
  });
  clearTimeout(deadline);
  log.info("stopped", { code });
  await log.drain(LAST_LINES_MS);
  Deno.exit(code);
}
