/** How much work may be in the queue: it is processed in order, and no newcomer can overtake it. */
import type { Queue } from "../core/queue/queue.ts";

export interface WindowOptions {
  readonly queue: Pick<Queue, "backlog">;
  /** Lanes of this process. */
  readonly capacity: number;
  /** Lanes that are taken now. */
  readonly busy: () => number;
  /** Messages taken since the start. */
  readonly taken: () => number;
  /** In milliseconds. @default performance.now */
  readonly now?: () => number;
}

export interface Window {
  /** How many messages may be published now. */
  room(): Promise<number>;
}

/** Seconds of work that may be ahead of what is posted next. */
const AHEAD_S = 0.5;
/** The same where less would leave lanes idle, as on a busy machine with a long way from publish to lane. */
const MOST_AHEAD_S = 2;
/** The rate is measured over at least this long. */
const MEASURE_MS = 500;

/** Half a second of work at the recent rate, and at least a quarter of the lanes, to keep all of them busy. */
export function createWindow(
  { queue, capacity, busy, taken, now = () => performance.now() }: WindowOptions,
): Window {
  let measuredAt = now();
  let takenThen = taken();
  let perSecond = 0;
  let factor = 1;

  function measure(): void {
    const elapsedMs = now() - measuredAt;
    if (elapsedMs < MEASURE_MS) return;
    perSecond = (perSecond + (taken() - takenThen) / (elapsedMs / 1_000)) / 2;
    measuredAt = now();
    takenThen = taken();
    factor = Math.max(1, factor * 0.9);
  }

  return {
    async room() {
      measure();
      const backlog = await queue.backlog();
      if (backlog === 0 && taken() > takenThen && busy() < capacity / 2) factor = Math.min(16, factor * 1.5);
      const least = Math.max(Math.ceil(capacity / 4), Math.round(perSecond * AHEAD_S));
      const most = Math.max(capacity, Math.round(perSecond * MOST_AHEAD_S));
      return Math.max(0, Math.min(Math.round(least * factor), Math.max(least, most)) - backlog);
    },
  };
}
