/** This process's wall clock, to be put ahead of the true time or behind it; its monotonic clock is left alone. */
export interface WallClock extends Disposable {
  /** How far it is ahead of the true time, in milliseconds. */
  aheadMs: number;
}

/** Takes the clock over; disposing puts it right. */
export function takeWallClock(): WallClock {
  const { now } = Date;
  const clock: WallClock = { aheadMs: 0, [Symbol.dispose]: () => void (Date.now = now) };
  Date.now = () => now() + clock.aheadMs;
  return clock;
}
