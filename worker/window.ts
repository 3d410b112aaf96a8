/** How much of the work may stand in the queue: what is there is done in its order, and nobody new can come before it. */
import type { Queue } from "../core/queue/queue.ts";

export interface WindowOptions {
  readonly queue: Pick<Queue, "backlog">;
  /** Lanes of this process. */
  readonly capacity: number;
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
/** The rate is measured over times no shorter than this. */
const MEASURE_MS = 500;

/** Half a second of work at the rate of late, and at least half of the lanes, so that none waits for the next message. */
export function createWindow(
  { queue, capacity, taken, now = () => performance.now() }: WindowOptions,
): Window {
  let measuredAt = now();
  let takenThen = taken();
  let perSecond = 0;

  function measure(): void {
    const elapsedMs = now() - measuredAt;
    if (elapsedMs < MEASURE_MS) return;
    perSecond = (perSecond + (taken() - takenThen) / (elapsedMs / 1_000)) / 2;
    measuredAt = now();
    takenThen = taken();
  }

  return {
    async room() {
      measure();
      const size = Math.max(Math.ceil(capacity / 2), Math.round(perSecond * AHEAD_S));
      return Math.max(0, size - await queue.backlog());
    },
  };
}
