/** How much of the work may stand in the queue: what is there is done in its order, and nobody new can come before it. */
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

/** So much of the work may be ahead of what is posted next. */
const AHEAD_S = 0.5;
/** And so much where less would leave lanes idle, as on a busy machine, where a message takes long from publish to lane. */
const MOST_AHEAD_S = 2;
/** The rate is measured over times no shorter than this. */
const MEASURE_MS = 500;

/** Half a second of work at the rate of late, and at least half of the lanes, so that none waits for the next message. */
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
      const least = Math.max(Math.ceil(capacity / 2), Math.round(perSecond * AHEAD_S));
      const most = Math.max(capacity, Math.round(perSecond * MOST_AHEAD_S));
      return Math.max(0, Math.min(Math.round(least * factor), Math.max(least, most)) - backlog);
    },
  };
}
