/** An operator's actions on thoughts and workers: inspect failures, redrive, cancel, pause. */
import type { Status, Thought } from "../thought.ts";
import type { Database } from "./database.ts";
import { announceNow } from "./outbox.ts";
import { createPauses, type Pause } from "./pauses.ts";
import { createRetention } from "./retention.ts";
import { LOWEST_ID } from "./statements.ts";
import { createStore } from "./thoughts.ts";
import { report } from "./webhooks.ts";

/** Failed thoughts of one reason. */
export interface FailureCount {
  /** Why they failed, in a word; see {@link FAILURES}. */
  readonly reason: string;
  readonly thoughts: number;
  /** What the newest of them says. */
  readonly newestError: string | null;
  /** When the newest of them failed, in milliseconds since the epoch. */
  readonly newestAt: number;
}

/** What became of a request about one thought. */
export interface Outcome {
  /**
   * `already`: nothing to do. `conflict`: the thought's status does not allow it. `unknown`: there is no such
   * thought.
   */
  readonly outcome: "done" | "already" | "conflict" | "unknown";
  /** The thought's status now; null for an unknown one. */
  readonly status: Status | null;
}

export interface Operator {
  /** Failed thoughts by reason, the most frequent first; of the newest {@link MOST_COUNTED}. */
  failures(): Promise<FailureCount[]>;
  /**
   * Gives failed thoughts a full set of new attempts: at most `limit`, the oldest first. Returns how many.
   */
  redriveAll(which: { readonly reason?: string | undefined; readonly limit: number }): Promise<number>;
  /** Gives one failed thought a full set of new attempts. */
  redrive(id: string): Promise<Outcome>;
  /** Ends a thought that waits or is being analysed: it fails with the reason `cancelled`. */
  cancel(id: string, author: string): Promise<Outcome>;
  /** Deletes every thought of a user, with its message and its cached analysis. Returns how many. */
  forget(userId: string): Promise<number>;
  /** Every thought of a user, the newest first, page by page. */
  thoughtsOf(userId: string): AsyncIterable<Thought>;
  paused(): Promise<Pause | null>;
  /** Pauses all workers within seconds. If they are paused already, that pause stays and is returned. */
  pause(author: string, reason: string): Promise<Pause>;
  /** Ends the pause. Returns the pause that was in force, if any. */
  resume(): Promise<Pause | null>;
}

/** The reason of a thought that an operator ended. */
export const CANCELLED = "cancelled";
/** Thoughts read at once by an export. */
const PAGE = 500;
/** Failed thoughts that {@link Operator.failures} counts, which bounds the time it takes. */
export const MOST_COUNTED = 100_000;

export function createOperator(database: Database): Operator {
  const pauses = createPauses(database);
  const retention = createRetention(database);
  const store = createStore(database);

  async function statusOf(id: string): Promise<{ status: Status; failure: string | null } | undefined> {
    const [row] = await database.query<{ status: Status; failure: string | null }>(
      "select status, failure from thoughts where id = $1::text::uuid",
      [id],
    );
    return row;
  }

  return {
    async failures() {
      const rows = await database.query<
        { reason: string; thoughts: number; newest_error: string | null; newest_ms: number }
      >(FAILURES, [MOST_COUNTED]);
      return rows.map(({ reason, thoughts, newest_error, newest_ms }) => ({
        reason,
        thoughts,
        newestError: newest_error,
        newestAt: newest_ms,
      }));
    },
    async redriveAll({ reason, limit }) {
      return (await database.query(REDRIVE, [null, reason ?? null, limit])).length;
    },
    async redrive(id) {
      if ((await database.query(REDRIVE, [id, null, 1])).length > 0) {
        return { outcome: "done", status: "pending" };
      }
      const now = await statusOf(id);
      if (now === undefined) return { outcome: "unknown", status: null };
      return { outcome: now.status === "completed" ? "conflict" : "already", status: now.status };
    },
    async cancel(id, author) {
      const cancelled = await database.query(CANCEL, [id, `Cancelled by ${author}`]);
      if (cancelled.length > 0) return { outcome: "done", status: "failed" };
      const now = await statusOf(id);
      if (now === undefined) return { outcome: "unknown", status: null };
      return { outcome: now.failure === CANCELLED ? "already" : "conflict", status: now.status };
    },
    forget: retention.forget,
    async *thoughtsOf(userId) {
      let before: string | undefined;
      while (true) {
        const page = await store.list({
          userId,
          limit: PAGE,
          ...(before === undefined ? {} : { beyond: before }),
        });
        yield* page.thoughts;
        if (page.next === null) return;
        before = page.next;
      }
    },
    paused: pauses.current,
    pause: pauses.pause,
    resume: pauses.resume,
  };
}

const FAILURES = `
  with newest as materialized (
    select coalesce(failure, 'unknown') as reason, error, finished_at from thoughts
    where finished_at is not null and result is null and status = 'failed'
    order by id desc limit $1::int
  )
  select reason, count(*)::int as thoughts, (array_agg(error order by finished_at desc))[1] as newest_error,
    (extract(epoch from max(finished_at)) * 1000)::float8 as newest_ms
  from newest group by reason order by thoughts desc, reason`;

const HIGHEST_ID = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** `attempts` is the fence and never decreases; its present count is forgiven. */
const REDRIVE = `
  with which as materialized (
    select id from thoughts
    where finished_at is not null and result is null and status = 'failed'
      and id between coalesce($1, '${LOWEST_ID}')::text::uuid and coalesce($1, '${HIGHEST_ID}')::text::uuid
      and ($2::text is null or coalesce(failure, 'unknown') = $2)
    order by id limit $3::int for update skip locked
  ), again as (
    update thoughts t
    set status = 'pending', attempts_forgiven = attempts, crashes = 0, finished_at = null, error = null,
      failure = null, queued_at = now()
    from which where t.id = any(array[which.id])
    returning t.id, t.attempts, t.flow, t.user_id, t.priority, t.traceparent
  ), ${announceNow("again")}
  select id from again`;

/** Changing the status ends the claim of a thought in analysis: its result is not stored. */
const CANCEL = `
  with cancelled as (
    update thoughts
    set status = 'failed', error = $2, failure = '${CANCELLED}', finished_at = clock_timestamp(), claimed_until = null
    where id = $1::text::uuid and status in ('pending', 'processing')
    returning id, flow, user_id, status, created_at, finished_at, traceparent
  ), ${report("cancelled")}, silenced as (
    delete from outbox where thought_id = (select id from cancelled)
  )
  select id from cancelled`;
