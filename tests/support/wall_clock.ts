/** This process's wall clock, which tests move ahead or back; its monotonic clock is unchanged. */
export interface WallClock extends Disposable {
  /** How far it is ahead of the true time, in milliseconds. */
  aheadMs: number;
}

/** Replaces the clock; disposing restores it. */
export function takeWallClock(): WallClock {
  const { now } = Date;
  const clock: WallClock = { aheadMs: 0, [Symbol.dispose]: () => void (Date.now = now) };
  Date.now = () => now() + clock.aheadMs;
  return clock;
}
