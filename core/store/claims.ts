/** Thoughts as the worker sees them: claimed, renewed, completed, failed, queued again. Every write is fenced. */
import type { Database } from "./database.ts";
import { HORIZON } from "./clock_skew.ts";
import { DEAD_TOPIC, THOUGHTS_TOPIC } from "../queue/queue.ts";
import type { Traceparent } from "../telemetry/tracing.ts";

/** A thought taken by this worker. The id and the attempt together are the claim. */
export interface Claim {
  readonly id: string;
  readonly attempt: number;
  readonly text: string;
  readonly context: string | null;
  readonly traceparent: Traceparent | null;
  /** When the thought was accepted, in milliseconds since the epoch. */
  readonly acceptedAt: number;
}

export interface Completion {
  readonly id: string;
  readonly attempt: number;
  /** As JSON. */
  readonly result: string;
}

export interface Failure {
  readonly id: string;
  readonly attempt: number;
  /** What went wrong, for the person who asks for the thought; no thought text. */
  readonly error: string;
  /** How long to wait before the next attempt, if there is one; less than the horizon. */
  readonly delayMs: number;
}

/** What the whole store holds, for the gauges. */
export interface Waiting {
  readonly thoughts: number;
  readonly oldestS: number;
  readonly outbox: number;
  readonly outboxAgeS: number;
}

export interface ClaimsOptions {
  readonly leaseMs: number;
  readonly maxAttempts: number;
}

export interface Claims {
  /** Takes those thoughts that are waiting, or whose claim has gone stale; the others are left out. */
  claim(ids: readonly string[]): Promise<Claim[]>;
  /** Which of these thoughts exist. */
  existing(ids: readonly string[]): Promise<Set<string>>;
  /** Prolongs claims by a lease from now. */
  renew(claims: readonly Claim[]): Promise<void>;
  /** Stores results; answers the ids stored. The others' claims were no longer the newest. */
  complete(completions: readonly Completion[]): Promise<Set<string>>;
  /** Queues failed attempts again after their delay, or gives thoughts up after their last; answers which was which. */
  fail(failures: readonly Failure[]): Promise<{ retried: Set<string>; givenUp: Set<string> }>;
  /** Queues again, or gives up, at most `limit` thoughts whose claim has gone stale. */
  releaseStale(limit: number): Promise<{ retried: number; givenUp: number }>;
  /** Queues again at most `limit` thoughts whose message has not been seen for this long. */
  requeueLost(afterMs: number, limit: number): Promise<number>;
  /** Gives failed thoughts new attempts: one, or at most `limit` of all, oldest first. Answers how many. */
  redrive(which: { readonly id: string } | { readonly limit: number }): Promise<number>;
  waiting(): Promise<Waiting>;
}

export function createClaims(database: Database, { leaseMs, maxAttempts }: ClaimsOptions): Claims {
  const ended = (rows: readonly { id: string; status: string }[]) => ({
    retried: new Set(rows.filter(({ status }) => status === "pending").map(({ id }) => id)),
    givenUp: new Set(rows.filter(({ status }) => status === "failed").map(({ id }) => id)),
  });

  return {
    async claim(ids) {
      const rows = await database.query<
        {
          id: string;
          attempts: number;
          text: string;
          context: string | null;
          traceparent: string | null;
          created_at: Date;
        }
      >(CLAIM, [literal(ids), leaseMs]);
      return rows.map((row) => ({
        id: row.id,
        attempt: row.attempts,
        text: row.text,
        context: row.context,
        traceparent: row.traceparent,
        acceptedAt: row.created_at.getTime(),
      }));
    },
    async existing(ids) {
      const rows = await database.query<{ id: string }>(
        "select id from thoughts where id = any($1::text::uuid[])",
        [literal(ids)],
      );
      return new Set(rows.map(({ id }) => id));
    },
    async renew(claims) {
      const fences = claims.map(({ id, attempt }) => ({ id, attempt }));
      await database.query(RENEW, [JSON.stringify(fences), leaseMs]);
    },
    async complete(completions) {
      const done = completions.map(({ id, attempt, result }) =>
        `{"id":"${id}","attempt":${attempt},"result":${result}}`
      );
      const fenced = await database.query<{ id: string }>(COMPLETE, [`[${done.join(",")}]`]);
      const stored = new Set(completions.map(({ id }) => id));
      for (const { id } of fenced) stored.delete(id);
      return stored;
    },
    async fail(failures) {
      return ended(await database.query(FAIL, [JSON.stringify(failures), maxAttempts]));
    },
    async releaseStale(limit) {
      const { retried, givenUp } = ended(await database.query(RELEASE_STALE, [limit, maxAttempts]));
      return { retried: retried.size, givenUp: givenUp.size };
    },
    async requeueLost(afterMs, limit) {
      return (await database.query(REQUEUE_LOST, [afterMs, limit])).length;
    },
    async redrive(which) {
      return "id" in which
        ? (await database.query(redriveStatement("id = $1::text::uuid"), [which.id])).length
        : (await database.query(redriveStatement("true order by id limit $1::int"), [which.limit])).length;
    },
    async waiting() {
      const [row] = await database.query<
        { thoughts: number; oldest: number; outbox: number; outbox_age: number }
      >(WAITING);
      return {
        thoughts: row!.thoughts,
        oldestS: row!.oldest,
        outbox: row!.outbox,
        outboxAgeS: row!.outbox_age,
      };
    },
  };
}

/** Ids hold no character that an array literal would need quoted. */
const literal = (ids: readonly string[]) => `{${ids.join(",")}}`;

const interval = (parameter: string) => `${parameter}::float8 * interval '1 millisecond'`;

/** The lease has run out, or is longer than any: then the clock went back, and nobody knows. The fence holds either way. */
const STALE = `claimed_until not between now() and ${HORIZON}`;

/** Rows another worker is claiming right now are skipped: it has a duplicate of the same message. */
const CLAIM = `
  update thoughts t
  set status = 'processing', attempts = attempts + 1, claimed_until = now() + ${interval("$2")}
  from (
    select id from thoughts
    where id = any($1::text::uuid[]) and (status = 'pending' or (status = 'processing' and ${STALE}))
    order by id for update skip locked
  ) free
  where t.id = free.id
  returning t.id, t.attempts, t.text, t.context, t.traceparent, t.created_at`;

const RENEW = `
  update thoughts t set claimed_until = now() + ${interval("$2")}
  from jsonb_to_recordset($1::text::jsonb) as held(id uuid, attempt int)
  where t.id = held.id and t.attempts = held.attempt and t.status = 'processing'`;

/** Answers those not stored, of which there are hardly ever any. */
const COMPLETE = `
  with done as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as done(id uuid, attempt int, result jsonb)
  ), stored as (
    update thoughts t
    set status = 'completed', result = done.result, error = null, claimed_until = null, finished_at = clock_timestamp()
    from done
    where t.id = done.id and t.attempts = done.attempt and t.status = 'processing'
    returning t.id
  )
  select id from done where id not in (select id from stored)`;

/** Ends an attempt: back to the queue, or to the dead letters after the last. Needs a CTE `over(id, attempt, error, delay)`. */
const end = (limit: string) => `
  ended as (
    update thoughts t
    set status = case when attempts - attempts_forgiven < ${limit} then 'pending' else 'failed' end,
      finished_at = case when attempts - attempts_forgiven < ${limit} then null else now() end,
      error = over.error, claimed_until = null, queued_at = now() + over.delay
    from over
    where t.id = over.id and t.attempts = over.attempt and t.status = 'processing'
    returning t.id, t.user_id, t.status, t.error, t.traceparent, over.delay
  ), queued as (
    insert into outbox (topic, key, value, reason, traceparent, available_at)
    select case status when 'failed' then '${DEAD_TOPIC}' else '${THOUGHTS_TOPIC}' end, user_id, id::text,
      case status when 'failed' then error end, traceparent,
      case status when 'failed' then now() else now() + delay end
    from ended
  )
  select id, status from ended`;

const FAIL = `
  with over as (
    select id, attempt, error, ${interval('"delayMs"')} as delay
    from jsonb_to_recordset($1::text::jsonb) as failure(id uuid, attempt int, error text, "delayMs" float8)
  ), ${end("$2::int")}`;

const RELEASE_STALE = `
  with over as (
    select id, attempts as attempt, 'the worker went away' as error, interval '0' as delay
    from thoughts
    where finished_at is null and status = 'processing' and ${STALE}
    order by id limit $1 for update skip locked
  ), ${end("$2::int")}`;

/**
 * Only while the outbox flows: in an outage the messages are not lost but waiting in it. How long ago it was when the
 * clock has gone back since, nobody knows: such a message is sent again, which is harmless.
 */
const REQUEUE_LOST = `
  with lost as (
    update thoughts set queued_at = now()
    where id in (
      select id from thoughts
      where finished_at is null and status = 'pending' and queued_at not between now() - ${
  interval("$1")
} and ${HORIZON}
        and not exists (select from outbox where available_at < now() - interval '5 seconds')
        and not exists (select from outbox where available_at > ${HORIZON})
      order by id limit $2 for update skip locked
    )
    returning id, user_id, traceparent
  )
  insert into outbox (topic, key, value, traceparent)
  select '${THOUGHTS_TOPIC}', user_id, id::text, traceparent from lost
  returning id`;

const redriveStatement = (which: string) => `
  with again as (
    update thoughts
    set status = 'pending', attempts_forgiven = attempts, finished_at = null, error = null, queued_at = now()
    where id in (
      select id from thoughts where finished_at is not null and result is null and status = 'failed' and ${which}
      for update skip locked
    )
    returning id, user_id, traceparent
  )
  insert into outbox (topic, key, value, traceparent)
  select '${THOUGHTS_TOPIC}', user_id, id::text, traceparent from again
  returning id`;

/** A clock that went back makes ages negative: then they are not known, and nothing is said. */
const WAITING = `
  select
    (select count(*) from thoughts where finished_at is null)::float8 as thoughts,
    greatest(0, coalesce((
      select extract(epoch from now() - created_at) from thoughts where finished_at is null order by id limit 1
    ), 0))::float8 as oldest,
    (select count(*) from outbox)::float8 as outbox,
    greatest(0, coalesce((select extract(epoch from now() - min(available_at)) from outbox), 0))::float8 as outbox_age`;
