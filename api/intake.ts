/**
 * Group commit: the thoughts of concurrent requests are stored by one statement. While inserts are under way the next
 * one gathers, so batches grow with the load by themselves and a lone request waits for nobody.
 */
import type { Inserted, Insertion, Store } from "../core/store.ts";
import { Problem } from "./problem.ts";

export interface IntakeOptions {
  readonly insert: Store["insert"];
  /** Thoughts in one statement. @default 1_000 */
  readonly maxBatch?: number;
  /** Thoughts that may wait; more are refused. @default 10_000 */
  readonly maxWaiting?: number;
  /** Inserts under way at once: one commits while the next is parsed. @default 2 */
  readonly maxInFlight?: number;
  /** A thought that has waited this long for its turn is refused, unstored. @default 5_000 */
  readonly deadlineMs?: number;
  /** Called with the size of each batch. */
  readonly onBatch?: (size: number) => void;
}

export interface Intake {
  /**
   * Stores a thought with those that come at the same time.
   *
   * @throws {Problem} `overloaded` when too many wait or its turn did not come in time: it is not stored then
   * @throws {DatabaseUnavailableError} when the database fails: it may or may not be stored
   */
  add(thought: Insertion): Promise<Inserted>;
}

interface Entry {
  readonly thought: Insertion;
  readonly givenUpAt: number;
  readonly resolve: (inserted: Inserted) => void;
  readonly reject: (error: unknown) => void;
}

export function createIntake(options: IntakeOptions): Intake {
  const { insert, onBatch, maxBatch = 1_000, maxWaiting = 10_000, maxInFlight = 2, deadlineMs = 5_000 } =
    options;
  let waiting: Entry[] = [];
  let inFlight = 0;
  let sweeping: ReturnType<typeof setTimeout> | undefined;

  /** Starts what may be started. */
  function send() {
    while (waiting.length > 0 && inFlight < maxInFlight) {
      const batch = waiting.length <= maxBatch ? waiting : waiting.slice(0, maxBatch);
      waiting = waiting.length <= maxBatch ? [] : waiting.slice(maxBatch);
      inFlight++;
      store(batch).finally(() => {
        inFlight--;
        send();
      });
    }
    if (waiting.length > 0) sweeping ??= setTimeout(sweep, waiting[0]!.givenUpAt - performance.now());
  }

  async function store(batch: readonly Entry[]) {
    onBatch?.(batch.length);
    try {
      const inserted = await insert(batch.map((entry) => entry.thought));
      batch.forEach((entry, index) => entry.resolve(inserted[index]!));
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
  }

  /** Gives up on those that have waited too long; they stand in the order they came. */
  function sweep() {
    sweeping = undefined;
    const now = performance.now();
    const firstInTime = waiting.findIndex((entry) => entry.givenUpAt > now);
    const late = firstInTime < 0 ? waiting : waiting.slice(0, firstInTime);
    waiting = firstInTime < 0 ? [] : waiting.slice(firstInTime);
    for (const entry of late) {
      entry.reject(new Problem("overloaded", { detail: `Not stored within ${deadlineMs} ms` }));
    }
    send();
  }

  return {
    add(thought) {
      if (waiting.length >= maxWaiting) return Promise.reject(new Problem("overloaded"));
      return new Promise((resolve, reject) => {
        waiting.push({ thought, givenUpAt: performance.now() + deadlineMs, resolve, reject });
        send();
      });
    },
  };
}
