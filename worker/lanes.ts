/** The lanes of a process: how many thoughts may be in analysis at once, over all partitions. */

export interface LanesOptions {
  readonly capacity: number;
}

export interface Lanes {
  readonly capacity: number;
  /** Lanes that are taken. */
  busy(): number;
  /**
   * Waits until at least one lane is free, and takes up to `most`. Grants none while more results wait to be
   * stored than all lanes produce in two rounds.
   *
   * @returns how many were taken; 0 once the signal has aborted
   */
  take(most: number, signal: AbortSignal): Promise<number>;
  /** Releases lanes for which nothing was claimed. */
  giveBack(count: number): void;
  /** An analysis has ended: its lane is free, its result waits to be stored. */
  analysed(): void;
  /** Results are stored. */
  settled(count: number): void;
  /** Waits until nothing is in analysis or waits to be stored. */
  idle(): Promise<void>;
  /** Takes the one lane of a thought that is tried alone. */
  takeAlone(): void;
  /** Stops granting lanes, waits until all are free, and runs a function that has the process to itself. */
  alone(signal: AbortSignal, run: () => Promise<void>): Promise<void>;
}

export function createLanes({ capacity }: LanesOptions): Lanes {
  const mostSettling = 2 * Math.max(capacity, 50);
  let busy = 0;
  let settling = 0;
  let closed = false;
  const takers = new Set<() => void>();
  const idlers = new Set<() => void>();

  const free = () => closed || settling >= mostSettling ? 0 : capacity - busy;

  function changed() {
    for (const taker of takers) {
      if (free() === 0) break;
      taker();
    }
    if (busy + settling > 0) return;
    for (const idler of idlers) idler();
  }

  function idle(): Promise<void> {
    if (busy + settling === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const idler = () => {
        idlers.delete(idler);
        resolve();
      };
      idlers.add(idler);
    });
  }

  function grant(most: number): number {
    const count = Math.min(most, free());
    busy += count;
    return count;
  }

  return {
    capacity,
    busy: () => busy,
    take(most, signal) {
      if (signal.aborted) return Promise.resolve(0);
      if (free() > 0) return Promise.resolve(grant(most));
      return new Promise((resolve) => {
        const end = (count: number) => {
          takers.delete(taker);
          signal.removeEventListener("abort", aborted);
          resolve(count);
        };
        const taker = () => end(grant(most));
        const aborted = () => end(0);
        takers.add(taker);
        signal.addEventListener("abort", aborted, { once: true });
      });
    },
    giveBack(count) {
      busy -= count;
      changed();
    },
    analysed() {
      busy--;
      settling++;
      changed();
    },
    settled(count) {
      settling -= count;
      changed();
    },
    idle,
    takeAlone: () => void busy++,
    async alone(signal, run) {
      closed = true;
      try {
        const aborted = Promise.withResolvers<void>();
        signal.addEventListener("abort", () => aborted.resolve(), { once: true });
        await Promise.race([idle(), aborted.promise]);
        if (signal.aborted) return;
        await run();
      } finally {
        closed = false;
        changed();
      }
    },
  };
}
