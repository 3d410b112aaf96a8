/**
 * Deletion: of thoughts and idempotency keys past their time, and of everything of a person who is to be
 * forgotten.
 */
import { subjectHash } from "../subject.ts";
import { ofUser, ORDER_OF_USER } from "./by_user.ts";
import type { Database } from "./database.ts";

/** Retention periods in days; 0 keeps for ever. */
export interface RetentionPeriods {
  readonly completedDays: number;
  readonly failedDays: number;
  readonly idempotencyKeyDays: number;
}

/** How many were deleted. */
export interface Pruned {
  readonly completed: number;
  readonly failed: number;
  readonly idempotencyKeys: number;
}

export interface Retention {
  /**
   * Deletes at most `limit` of each kind that are past their time. Skips rows that another transaction has
   * locked.
   */
  prune(periods: RetentionPeriods, limit: number): Promise<Pruned>;
  /** How long the oldest overdue thought has been past its time, in seconds; 0 if there is none. */
  overdueS(periods: RetentionPeriods): Promise<number>;
  /** Deletes a thought whatever its state; work in progress on it is discarded. False if there was none. */
  delete(id: string): Promise<boolean>;
  /**
   * Deletes every thought of a user, with its message, its cached analysis and the events about it, and the
   * webhooks of the user's keys; work in progress is discarded.
   *
   * @returns how many thoughts were removed
   */
  forget(userId: string): Promise<number>;
  /** Hashes of the subjects whose analyses have to leave the cache, of the last `withinMs`. */
  evictions(withinMs: number): Promise<string[]>;
}

/** Thoughts deleted by one statement: few enough to hold locks only briefly. */
const CHUNK = 500;
/** Longer than a worker may hold an analysis before it is in the cache. */
const EVICTIONS_KEPT = "30 minutes";

export function createRetention(database: Database): Retention {
  /** Schedules the eviction of deleted thoughts' analyses from the cache. */
  async function remove(which: string, parameters: readonly (string | number)[]): Promise<number> {
    return await database.transaction(async (tx) => {
      const gone = await tx.query<{ id: string; text: string; context: string | null }>(
        `delete from thoughts where id = any(array(${which})) returning id, text, context`,
        parameters,
      );
      if (gone.length === 0) return 0;
      const subjects = [...new Set(gone.map(subjectHash))].sort();
      await tx.query(EVICT, [`{${subjects.join(",")}}`]);
      const ids = `{${gone.map(({ id }) => id).join(",")}}`;
      await tx.query(SILENCE, [ids]);
      await tx.query(UNREPORT, [ids]);
      return gone.length;
    }, { repeatable: true });
  }

  return {
    async prune({ completedDays, failedDays, idempotencyKeyDays }, limit) {
      const ended = async (kind: string, days: number) =>
        days === 0 ? 0 : (await database.query(prune(kind), [days, limit])).length;
      const completed = await ended(COMPLETED, completedDays);
      const failed = await ended(FAILED, failedDays);
      const idempotencyKeys = idempotencyKeyDays === 0
        ? 0
        : (await database.query(EXPIRE_KEYS, [idempotencyKeyDays, limit])).length;
      await database.query(`delete from cache_evictions where at < now() - interval '${EVICTIONS_KEPT}'`);
      return { completed, failed, idempotencyKeys };
    },
    async overdueS({ completedDays, failedDays }) {
      const overdue = async (kind: string, days: number) => {
        if (days === 0) return 0;
        const [row] = await database.read<{ overdue: number }>(overdueStatement(kind), [days]);
        return row?.overdue ?? 0;
      };
      return Math.max(await overdue(COMPLETED, completedDays), await overdue(FAILED, failedDays));
    },
    delete: async (id) => await remove("select $1::text::uuid", [id]) > 0,
    async forget(userId) {
      await database.query(FORGET_WEBHOOKS, [userId]);
      let total = 0;
      for (;;) {
        const gone = await remove(
          `select id from thoughts where ${ofUser("$1")} order by ${ORDER_OF_USER.desc} limit $2::int`,
          [userId, CHUNK],
        );
        total += gone;
        if (gone < CHUNK) return total;
      }
    },
    async evictions(withinMs) {
      const rows = await database.read<{ subject: string }>(EVICTIONS, [withinMs]);
      return rows.map(({ subject }) => subject);
    },
  };
}

const EVICT = "insert into cache_evictions (subject) select unnest($1::text::text[]) on conflict do nothing";
const SILENCE = "delete from outbox where thought_id = any($1::text::uuid[])";
const UNREPORT = "delete from webhook_deliveries where thought_id = any($1::text::uuid[])";
/** An event is due or given up, and each kind has its index. */
const FORGET_WEBHOOKS = `
  with gone as (
    delete from webhooks where user_id = $1 returning flow
  ), events as materialized (
    select event.id from gone cross join lateral (
      select id from webhook_deliveries where flow = gone.flow and due_at is not null
      union all
      select id from webhook_deliveries where flow = gone.flow and given_up_at is not null
    ) event
  )
  delete from webhook_deliveries d using events where d.id = any(array[events.id])`;
const EVICTIONS = `
  select distinct subject from cache_evictions where at > now() - $1::float8 * interval '1 millisecond'`;

/** The predicates of the partial indexes, which PostgreSQL uses only if they match. */
const COMPLETED = "result is not null";
const FAILED = "finished_at is not null and result is null";

/**
 * No thought created after this can be past its time: the index ends there. An id of version 7 begins with
 * its time.
 */
const CREATED_BEFORE = `
  (regexp_replace(lpad(to_hex((extract(epoch from now() - $1::float8 * interval '1 day') * 1000)::bigint), 12, '0'),
    '^(.{8})(.{4})$', '\\1-\\2-0000-0000-000000000000'))::uuid`;

const PAST = "finished_at < now() - $1::float8 * interval '1 day'";

const prune = (kind: string) => `
  with old as materialized (
    select id from thoughts
    where ${kind} and id < ${CREATED_BEFORE} and ${PAST}
    order by id limit $2::int for update skip locked
  ), unreported as (
    delete from webhook_deliveries d using old where d.thought_id = any(array[old.id])
  )
  delete from thoughts t using old where t.id = any(array[old.id]) returning t.id`;

const overdueStatement = (kind: string) => `
  select extract(epoch from now() - $1::float8 * interval '1 day' - finished_at)::float8 as overdue
  from thoughts where ${kind} and id < ${CREATED_BEFORE} and ${PAST}
  order by id limit 1`;

const EXPIRE_KEYS = `
  with old as materialized (
    select id from thoughts
    where idempotency_key is not null and id < ${CREATED_BEFORE}
    order by id limit $2::int for update skip locked
  )
  update thoughts t set idempotency_key = null, request_hash = null
  from old where t.id = any(array[old.id]) returning t.id`;
