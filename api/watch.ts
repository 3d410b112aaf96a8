/**
 * Watches thoughts: one poller queries all watched thoughts together, so a thousand watchers cost one small
 * query per poll, and none cost nothing.
 */
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Progress, Store } from "../core/store/thoughts.ts";
import { isFinal, type Status } from "../core/thought.ts";
import { Problem } from "./problem.ts";

export interface Watcher {
  /** The caller that the limit counts. */
  readonly caller: string;
  /**
   * The thought reached a state. Called once for each, in order, also for one that passed between two polls.
   */
  reached(status: Status, progress: Progress): void;
  /** Nothing further will come: the thought is finished, was deleted, or the watch ends. */
  ended(): void;
}

export interface WatchOptions {
  readonly store: Pick<Store, "progress">;
  readonly log: Logger;
  /** Between two polls. @default 200 */
  readonly pollMs?: number;
  /** Watchers at once; more are refused. @default 1_000 */
  readonly maxWatchers?: number;
  /** Watchers of one caller at once: no caller can take all places. @default a quarter of `maxWatchers` */
  readonly maxPerCaller?: number;
}

export interface Watch extends Disposable {
  /**
   * Takes a place of a caller's, for a stream that is not of one thought.
   *
   * @returns gives the place back
   * @throws {Problem} `too-many-watchers`, `too-many-own-streams`
   */
  admit(caller: string): () => void;
  /**
   * Watches a thought from its present state.
   *
   * @param after the last state the watcher has seen already
   * @returns stops watching; `ended` is not called then
   * @throws {Problem} `too-many-watchers`, `too-many-own-streams`
   */
  follow(progress: Progress, watcher: Watcher, after?: Status): () => void;
}

/** How far along a status is. A retry goes back to pending, but to a watcher it stays processing. */
const STEPS: Record<Status, number> = { pending: 0, processing: 1, completed: 2, failed: 2 };
/** Ids in one query. */
const MAX_IDS = 1_000;

export function createWatch(options: WatchOptions): Watch {
  const { store, log, pollMs = 200, maxWatchers = 1_000, maxPerCaller = Math.ceil(maxWatchers / 4) } =
    options;
  const followers = new Map<string, Set<Follower>>();
  const perCaller = new Map<string, number>();
  let count = 0;
  let polling: AbortController | undefined;

  async function look(): Promise<number> {
    const ids = [...followers.keys()];
    for (let at = 0; at < ids.length; at += MAX_IDS) {
      const asked = ids.slice(at, at + MAX_IDS);
      const found = new Map((await store.progress(asked)).map((progress) => [progress.id, progress]));
      for (const id of asked) {
        for (const follower of followers.get(id) ?? []) {
          const progress = found.get(id);
          if (progress === undefined || advance(follower, progress)) end(follower);
        }
      }
    }
    return pollMs;
  }

  function end(follower: Follower) {
    if (remove(follower)) follower.watcher.ended();
  }

  function remove(follower: Follower): boolean {
    const ofThought = followers.get(follower.id);
    if (!ofThought?.delete(follower)) return false;
    follower.leave();
    if (ofThought.size === 0) followers.delete(follower.id);
    if (followers.size === 0) polling?.abort();
    return true;
  }

  function countCaller(caller: string, change: 1 | -1) {
    const now = (perCaller.get(caller) ?? 0) + change;
    if (now === 0) perCaller.delete(caller);
    else perCaller.set(caller, now);
  }

  function admit(caller: string): () => void {
    if (count >= maxWatchers) throw new Problem("too-many-watchers");
    if ((perCaller.get(caller) ?? 0) >= maxPerCaller) throw new Problem("too-many-own-streams");
    count++;
    countCaller(caller, 1);
    return () => {
      count--;
      countCaller(caller, -1);
    };
  }

  return {
    admit,
    follow(progress, watcher, after) {
      const follower: Follower = {
        id: progress.id,
        watcher,
        leave: admit(watcher.caller),
        step: after === undefined ? -1 : STEPS[after],
      };
      followers.set(progress.id, (followers.get(progress.id) ?? new Set()).add(follower));
      if (advance(follower, progress)) end(follower);
      else if (polling === undefined || polling.signal.aborted) {
        polling = new AbortController();
        repeat("watching thoughts", { log, signal: polling.signal }, look);
      }
      return () => remove(follower);
    },
    [Symbol.dispose]() {
      for (const ofThought of followers.values()) for (const follower of ofThought) end(follower);
    },
  };
}

interface Follower {
  readonly id: string;
  readonly watcher: Watcher;
  /** Gives its place back. */
  readonly leave: () => void;
  /** The last step reported. */
  step: number;
}

/** Reports to a watcher the states its thought has reached since. True if the last one is among them. */
function advance(follower: Follower, progress: Progress): boolean {
  const order: Status[] = ["pending", "processing", isFinal(progress.status) ? progress.status : "completed"];
  for (; follower.step < STEPS[progress.status]; follower.step++) {
    follower.watcher.reached(order[follower.step + 1]!, progress);
  }
  return isFinal(progress.status);
}
