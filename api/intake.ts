/**
 * Group commit: the thoughts of concurrent requests are stored by one statement. While inserts are in
 * progress the next one gathers: batches grow with the load, and a lone request never waits.
 */
import type { Inserted, Insertion, Store } from "../core/store/thoughts.ts";
import { Problem } from "./problem.ts";

export interface IntakeOptions {
  readonly insert: Store["insert"];
  /** Thoughts in one statement. @default 1_000 */
  readonly maxBatch?: number;
  /** Thoughts that may wait; more are refused. @default 10_000 */
  readonly maxWaiting?: number;
  /** Characters of the thoughts that may wait, which bounds their memory. @default 16 Mi */
  readonly maxWaitingChars?: number;
  /** Inserts in progress at once: one commits while the next is parsed. @default 2 */
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
  const { insert, onBatch, maxBatch = 1_000, maxWaiting = 10_000, maxWaitingChars = 16 * 1_024 * 1_024 } =
    options;
  const { maxInFlight = 2, deadlineMs = 5_000 } = options;
  const waiting: Entry[] = [];
  let waitingChars = 0;
  let inFlight = 0;
  let scheduled = false;
  let sweeping: ReturnType<typeof setTimeout> | undefined;

  /**
   * Deferred until this turn's requests have all been read: batches were a third larger than when the first
   * one went alone.
   */
  function sendSoon() {
    if (scheduled) return;
    scheduled = true;
    setImmediate(send);
  }

  /** Starts as many inserts as may run. */
  function send() {
    scheduled = false;
    while (waiting.length > 0 && inFlight < maxInFlight) {
      inFlight++;
      store(take(maxBatch)).finally(() => {
        inFlight--;
        sendSoon();
      });
    }
    if (waiting.length > 0) sweeping ??= setTimeout(sweep, waiting[0]!.givenUpAt - performance.now());
  }

  /** Takes the first ones from the queue. */
  function take(count: number): Entry[] {
    const taken = waiting.splice(0, count);
    for (const { thought } of taken) waitingChars -= chars(thought);
    return taken;
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

  /** Refuses those that have waited too long; they are in the order they came. */
  function sweep() {
    sweeping = undefined;
    const now = performance.now();
    const firstInTime = waiting.findIndex((entry) => entry.givenUpAt > now);
    for (const entry of take(firstInTime < 0 ? waiting.length : firstInTime)) {
      entry.reject(new Problem("overloaded", { detail: `Not stored within ${deadlineMs} ms` }));
    }
    send();
  }

  return {
    add(thought) {
      if (waiting.length >= maxWaiting || waitingChars >= maxWaitingChars) {
        return Promise.reject(new Problem("overloaded"));
      }
      waitingChars += chars(thought);
      return new Promise((resolve, reject) => {
        waiting.push({ thought, givenUpAt: performance.now() + deadlineMs, resolve, reject });
        sendSoon();
      });
    },
  };
}

function chars({ text, context }: Insertion): number {
  return text.length + (context?.length ?? 0);
}
