/**
 * Feeds: the states of all thoughts of a user. One poller serves every feed, and each feed all who follow its user; what
 * a feed remembers is bounded, so the oldest of very many unfinished thoughts may be left out.
 */
import { repeat } from "../core/retry.ts";
import { firstIdAt, timeOf } from "../core/store/listing.ts";
import type { Progress, Store } from "../core/store/thoughts.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { isFinal, type Status } from "../core/thought.ts";
import { Problem } from "./problem.ts";

export interface FeedFollower {
  /**
   * A thought is in this state now. States that passed between two polls are left out.
   *
   * @param newest the newest thought that the feed has told of: where a later feed may begin
   */
  reached(progress: Progress, newest: string): void;
  /** The feed cannot go on: the database does not answer. */
  ended(): void;
}

export interface FeedsOptions {
  readonly store: Pick<Store, "progress" | "newer">;
  readonly log: Logger;
  /** Between two polls. @default 500 */
  readonly pollMs?: number;
  /** Users followed at once; more are refused. @default 100 */
  readonly maxUsers?: number;
}

export interface Feeds extends Disposable {
  /**
   * Follows a user's thoughts, beginning with the present states of those of the last seconds.
   *
   * @param after begins with the thoughts posted shortly before this one, instead
   * @returns stops following; `ended` is not called then
   * @throws {Problem} `too-many-watchers`
   */
  follow(userId: string, follower: FeedFollower, after?: string): () => void;
}

/** Ids come from several clocks, and are seen when their transaction commits: so long a thought is looked for, in milliseconds. */
const LATE_MS = 10_000;
/** Thoughts in one query. */
const MAX_ROWS = 1_000;
/** Unfinished thoughts of one user that are watched. */
const MAX_OPEN = 5_000;

interface Feed {
  readonly followers: Set<FeedFollower>;
  /** The last state told of each unfinished thought, the oldest first. */
  readonly open: Map<string, Status>;
  /** Thoughts told of that could be found once more. */
  readonly recent: Set<string>;
  newest: string;
}

export function createFeeds({ store, log, pollMs = 500, maxUsers = 100 }: FeedsOptions): Feeds {
  const feeds = new Map<string, Feed>();
  let polling: AbortController | undefined;

  async function poll(): Promise<number> {
    for (const [userId, feed] of feeds) {
      const from = firstIdAt(Date.now() - LATE_MS);
      for await (const progress of newer(userId, from)) {
        if (!feed.recent.has(progress.id)) tell(feed, progress);
      }
      for (const id of feed.recent) if (id < from) feed.recent.delete(id);
      await tellChanges(feed);
    }
    return pollMs;
  }

  /** The thoughts of a user after an id, as far as a feed can remember them. */
  async function* newer(userId: string, after: string): AsyncGenerator<Progress> {
    for (let count = 0; count < MAX_OPEN; count += MAX_ROWS) {
      const rows = await store.newer(userId, after, MAX_ROWS);
      yield* rows;
      if (rows.length < MAX_ROWS) return;
      after = rows.at(-1)!.id;
    }
  }

  async function tellChanges(feed: Feed): Promise<void> {
    const ids = [...feed.open.keys()];
    for (let at = 0; at < ids.length; at += MAX_ROWS) {
      const asked = ids.slice(at, at + MAX_ROWS);
      const found = new Map((await store.progress(asked)).map((progress) => [progress.id, progress]));
      for (const id of asked) {
        const progress = found.get(id);
        if (progress === undefined) feed.open.delete(id);
        else if (progress.status !== feed.open.get(id)) tell(feed, progress);
      }
    }
  }

  function tell(feed: Feed, progress: Progress): void {
    remember(feed, progress);
    for (const follower of feed.followers) follower.reached(progress, feed.newest);
  }

  function remember(feed: Feed, { id, status }: Progress): void {
    feed.recent.add(id);
    if (id > feed.newest) feed.newest = id;
    if (isFinal(status)) feed.open.delete(id);
    else feed.open.set(id, status);
    if (feed.open.size > MAX_OPEN) feed.open.delete(feed.open.keys().next().value!);
  }

  /** Tells a new follower of what was there before, but for what a poll has told meanwhile: that is no older. */
  async function catchUp(
    userId: string,
    feed: Feed,
    follower: FeedFollower,
    told: Set<string>,
    after?: string,
  ) {
    const from = firstIdAt((after === undefined ? Date.now() : timeOf(after)) - LATE_MS);
    for await (const progress of newer(userId, from)) {
      if (!feed.followers.has(follower)) return;
      if (told.has(progress.id)) continue;
      if (!feed.recent.has(progress.id) && !feed.open.has(progress.id)) remember(feed, progress);
      follower.reached(progress, feed.newest);
    }
  }

  function leave(userId: string, feed: Feed, follower: FeedFollower): void {
    feed.followers.delete(follower);
    if (feed.followers.size > 0) return;
    feeds.delete(userId);
    if (feeds.size === 0) polling?.abort();
  }

  return {
    follow(userId, { reached, ended }, after) {
      if (!feeds.has(userId) && feeds.size >= maxUsers) throw new Problem("too-many-watchers");
      const feed = feeds.get(userId) ??
        { followers: new Set(), open: new Map(), recent: new Set(), newest: firstIdAt(0) } satisfies Feed;
      feeds.set(userId, feed);
      const told = new Set<string>();
      let catching = true;
      const follower: FeedFollower = {
        reached(progress, newest) {
          if (catching) told.add(progress.id);
          reached(progress, newest);
        },
        ended,
      };
      feed.followers.add(follower);
      catchUp(userId, feed, follower, told, after)
        .then(() => {
          catching = false;
          told.clear();
        }, () => {
          if (!feed.followers.has(follower)) return;
          leave(userId, feed, follower);
          ended();
        });
      if (polling === undefined || polling.signal.aborted) {
        polling = new AbortController();
        repeat("following users", { log, signal: polling.signal }, poll);
      }
      return () => leave(userId, feed, follower);
    },
    [Symbol.dispose]() {
      for (const [userId, feed] of feeds) {
        for (const follower of feed.followers) {
          leave(userId, feed, follower);
          follower.ended();
        }
      }
    },
  };
}
