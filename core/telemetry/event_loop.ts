/** How long ready work waits for the event loop, measured by the drift of a timer. */

/** Receives the observations, in seconds: a histogram of the catalogue. */
export interface LagHistogram {
  observe(observation: { readonly value: number; readonly labels: Record<never, never> }): void;
}

export interface EventLoopOptions {
  /** Milliseconds between two ticks. @default 100 */
  readonly everyMs?: number;
  /** @default performance.now */
  readonly now?: () => number;
}

/** A tick later than this is late because the machine slept. */
const ASLEEP_MS = 60_000;

/**
 * Observes the lag until it is disposed. `perf_hooks.monitorEventLoopDelay`, which prom-client reads,
 * measures nothing on Deno. A blocked loop also delays the ticks that should have followed: each of those
 * counts with the rest of its wait, which makes a quantile one over time and not over ticks.
 */
export function observeEventLoop(lag: LagHistogram, options: EventLoopOptions = {}): Disposable {
  const { everyMs = 100, now = () => performance.now() } = options;
  const observe = (ms: number) => lag.observe({ value: ms / 1_000, labels: {} });
  let due = now() + everyMs;
  const timer = setInterval(() => {
    const late = now() - due;
    if (late < ASLEEP_MS) {
      observe(Math.max(late, 0));
      for (let missed = late - everyMs; missed > 0; missed -= everyMs) observe(missed);
    }
    due = now() + everyMs;
  }, everyMs);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
