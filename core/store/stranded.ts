/** Thoughts left behind: their worker died, or their message was lost. */
import { HORIZON } from "./clock_skew.ts";
import type { Database } from "./database.ts";
import { announceNow } from "./outbox.ts";
import {
  AFTERWARDS,
  byId,
  type Ended,
  ended,
  type Fence,
  fences,
  interval,
  joined,
  LOWEST_ID,
} from "./statements.ts";

/** The result of checking some of the unfinished thoughts. */
export interface Look {
  /** Claims whose lease has run out. */
  readonly stale: readonly Fence[];
  /** Thoughts that wait and are not in the outbox: their message is with the queue, or lost. */
  readonly announced: readonly Announcement[];
  /** Where the next check begins; null at the end. */
  readonly next: string | null;
}

/** One announcement of a thought. */
export interface Announcement {
  readonly id: string;
  /** When it was put into the outbox, by the database's clock; an opaque text. */
  readonly queuedAt: string;
}

export interface Stranded {
  /**
   * Checks `limit` unfinished thoughts after the one with this id, in the order of their ids.
   *
   * @param announcedMs announcements younger than this are left out
   */
  look(after: string | null, limit: number, announcedMs: number): Promise<Look>;
  /**
   * Announces thoughts again whose claim is stale, to be tried alone; those that crashed {@link MAX_CRASHES}
   * times fail.
   */
  releaseStale(stale: readonly Fence[]): Promise<Ended>;
  /** Announces those thoughts again whose announcement is still the newest. Returns how many. */
  announceAgain(lost: readonly Announcement[]): Promise<number>;
}

/** How often a thought may crash its worker. */
export const MAX_CRASHES = 3;

export function createStranded(database: Database): Stranded {
  return {
    async look(after, limit, announcedMs) {
      const rows = await database.query<LookRow>(LOOK, [after ?? LOWEST_ID, limit, announcedMs]);
      return {
        stale: rows.filter(({ kind }) => kind === "stale").map(({ id, attempt }) => ({ id, attempt })),
        announced: rows.filter(({ kind }) => kind === "announced")
          .map(({ id, queued_at }) => ({ id, queuedAt: queued_at })),
        next: rows.find(({ kind }) => kind === "next")?.id ?? null,
      };
    },
    async releaseStale(stale) {
      return ended(await database.query(RELEASE_STALE, [fences(stale)]));
    },
    async announceAgain(lost) {
      return (await database.query(ANNOUNCE_AGAIN, [JSON.stringify(lost.toSorted(byId))])).length;
    },
  };
}

interface LookRow {
  readonly kind: "stale" | "announced" | "next";
  readonly id: string;
  readonly attempt: number;
  readonly queued_at: string;
}

/**
 * The lease has run out, or is longer than possible: then the clock went back, and its end is unknown. The
 * fence holds either way.
 */
const STALE = `claimed_until not between now() and ${HORIZON}`;

const CRASHED = `The worker''s process ended during its analysis, ${MAX_CRASHES} times`;

const RELEASE_STALE = `
  with over as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as stale(id uuid, attempt int)
  ), ended as (
    update thoughts t
    set attempts_forgiven = attempts_forgiven + 1, crashes = crashes + 1,
      status = case when crashes + 1 < ${MAX_CRASHES} then 'pending' else 'failed' end,
      finished_at = case when crashes + 1 < ${MAX_CRASHES} then null else clock_timestamp() end,
      error = case when crashes + 1 < ${MAX_CRASHES} then error else '${CRASHED}' end,
      failure = case when crashes + 1 < ${MAX_CRASHES} then null else 'crash' end,
      claimed_until = null, queued_at = case when crashes + 1 < ${MAX_CRASHES} then now() else queued_at end
    from over
    where t.id = any(array[over.id]) and t.attempts - over.attempt = 0
      and ${joined("over.id", `t.status = 'processing' and ${STALE}`)}
    returning t.id, t.attempts, t.flow, t.user_id, t.priority, t.status, t.error, t.traceparent, t.crashes,
      t.created_at, t.finished_at, interval '0' as delay, false as charged
  ), ${AFTERWARDS}`;

/**
 * A bounded part of the unfinished thoughts: a check is short however many wait. Their messages are read in one
 * piece of the outbox's key: looking up each takes one page of the index more for each tenfold of the backlog.
 */
const LOOK = `
  with looked as materialized (
    select id, attempts, status, claimed_until, queued_at from thoughts
    where finished_at is null and id > $1::text::uuid
    order by id limit $2::int
  ), last as (
    select id from looked order by id desc limit 1
  )
  select 'next' as kind, id, 0 as attempt, '' as queued_at from last where (select count(*) from looked) = $2::int
  union all
  select 'stale', id, attempts, '' from looked where status = 'processing' and ${STALE}
  union all
  select 'announced', id, 0, max(queued_at)::text
  from (
    select id, queued_at from looked
    where status = 'pending' and queued_at not between now() - ${interval("$3")} and ${HORIZON}
    union all
    select thought_id, null from outbox where thought_id > $1::text::uuid and thought_id <= (select id from last)
  ) waiting_or_there
  group by id having count(*) = count(queued_at)`;

const ANNOUNCE_AGAIN = `
  with again as (
    update thoughts t set queued_at = now()
    from jsonb_to_recordset($1::text::jsonb) as lost(id uuid, "queuedAt" text)
    where t.id = any(array[lost.id]) and ${
  joined("lost.id", "t.status = 'pending'")
} and t.queued_at - lost."queuedAt"::timestamptz = interval '0'
      and not exists (select from outbox o where o.thought_id = t.id)
    returning t.id, t.attempts, t.flow, t.user_id, t.priority, t.traceparent
  ), ${announceNow("again")}
  select id from again`;
