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
  /**
   * Stores thoughts by one statement, at most `maxBatch` of them. Returns what became of them, in their order.
   *
   * @throws as {@link add} does, for all of them
   */
  addAll(thoughts: readonly Insertion[]): Promise<Inserted[]>;
}

/** Thoughts that came by one request. */
interface Entry {
  readonly thoughts: readonly Insertion[];
  readonly givenUpAt: number;
  readonly resolve: (inserted: Inserted[]) => void;
  readonly reject: (error: unknown) => void;
}

export function createIntake(options: IntakeOptions): Intake {
  const { insert, onBatch, maxBatch = 1_000, maxWaiting = 10_000, maxWaitingChars = 16 * 1_024 * 1_024 } =
    options;
  const { maxInFlight = 2, deadlineMs = 5_000 } = options;
  const waiting: Entry[] = [];
  let waitingThoughts = 0;
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
      store(take(batchLength())).finally(() => {
        inFlight--;
        sendSoon();
      });
    }
    if (waiting.length > 0) sweeping ??= setTimeout(sweep, waiting[0]!.givenUpAt - performance.now());
  }

  /** How many entries go into the next statement: the first one, and those after it that have room. */
  function batchLength(): number {
    let thoughts = 0;
    const tooMany = waiting.findIndex((entry) => (thoughts += entry.thoughts.length) > maxBatch);
    return tooMany < 0 ? waiting.length : Math.max(1, tooMany);
  }

  /** Takes the first ones from the queue. */
  function take(count: number): Entry[] {
    const taken = waiting.splice(0, count);
    for (const { thoughts } of taken) {
      waitingThoughts -= thoughts.length;
      waitingChars -= chars(thoughts);
    }
    return taken;
  }

  async function store(batch: readonly Entry[]) {
    const thoughts = batch.flatMap((entry) => entry.thoughts);
    onBatch?.(thoughts.length);
    try {
      const inserted = await insert(thoughts);
      let at = 0;
      for (const { thoughts: { length }, resolve } of batch) resolve(inserted.slice(at, at += length));
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

  function addAll(thoughts: readonly Insertion[]): Promise<Inserted[]> {
    if (waitingThoughts >= maxWaiting || waitingChars >= maxWaitingChars) {
      return Promise.reject(new Problem("overloaded"));
    }
    waitingThoughts += thoughts.length;
    waitingChars += chars(thoughts);
    return new Promise((resolve, reject) => {
      waiting.push({ thoughts, givenUpAt: performance.now() + deadlineMs, resolve, reject });
      sendSoon();
    });
  }

  return { addAll, add: (thought) => addAll([thought]).then(([inserted]) => inserted!) };
}

function chars(thoughts: readonly Insertion[]): number {
  return thoughts.reduce((sum, { text, context }) => sum + text.length + (context?.length ?? 0), 0);
}
