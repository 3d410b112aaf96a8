/** Thoughts as the worker sees them: claimed, renewed, completed, failed. Every write is fenced. */
import type { Traceparent } from "../telemetry/traceparent.ts";
import { CANARY_USER, type ThoughtPriority } from "../thought.ts";
import { HORIZON } from "./clock_skew.ts";
import type { Database } from "./database.ts";
import { printable } from "./printable.ts";
import { AFTERWARDS, byId, type Ended, ended, type Fence, fences, interval, joined } from "./statements.ts";
import { report } from "./webhooks.ts";

/** A thought taken by this worker. The id and the attempt together are the claim. */
export interface Claim {
  readonly id: string;
  readonly attempt: number;
  /** Attempts charged to the thought, including this one: its limit and back-off count these. */
  readonly charged: number;
  readonly text: string;
  readonly context: string | null;
  readonly priority: ThoughtPriority;
  readonly traceparent: Traceparent | null;
  /** When the thought was accepted, in milliseconds since the epoch. */
  readonly acceptedAt: number;
  /** Whether it is the canary's, which business metrics exclude. */
  readonly canary: boolean;
}

export interface Completion {
  readonly id: string;
  readonly attempt: number;
  /** As JSON. */
  readonly result: string;
  /** When the result was there, in milliseconds since the epoch. @default not recorded */
  readonly analysedAt?: number | undefined;
  /** Whether the result was in the cache. @default not recorded */
  readonly fromCache?: boolean | undefined;
}

/** An attempt that ended without a result. */
export interface Failure {
  readonly id: string;
  readonly attempt: number;
  /** What went wrong, for the person who reads the thought; no thought text. Null keeps the present one. */
  readonly error: string | null;
  /** `charged`: counts as an attempt. `released`: does not count. `refused`: the thought fails at once. */
  readonly kind: "charged" | "released" | "refused";
  /** Why, in a word: stored with the thought if it fails, for operators to count and redrive by. */
  readonly reason: string;
  /** Pause before the next attempt, if there is one, in milliseconds; less than {@link HORIZON_MS}. */
  readonly delayMs: number;
}

export interface Stored {
  readonly stored: ReadonlySet<string>;
  /** Claims that are no longer the newest. Deleted and cancelled thoughts are in neither set. */
  readonly fenced: ReadonlySet<string>;
}

export interface ClaimsOptions {
  readonly leaseMs: number;
  /** Charged attempts before a thought fails. */
  readonly maxAttempts: number;
}

export interface Claims {
  /**
   * Takes those thoughts that are waiting, but not those that must be tried alone.
   *
   * @param publishedAt when their messages were sent, in milliseconds since the epoch, where that is known
   */
  claim(ids: readonly string[], publishedAt?: ReadonlyMap<string, number | null>): Promise<Claim[]>;
  /** Whether thoughts wait that must be tried alone. */
  hasSuspects(): Promise<boolean>;
  /**
   * Takes a thought that must be tried alone, since its worker died with it before; null if there is none.
   */
  claimSuspect(): Promise<Claim | null>;
  /** Which of these thoughts exist. */
  existing(ids: readonly string[]): Promise<Set<string>>;
  /** Extends claims by a lease from now. Returns the ids of those still held. */
  renew(claims: readonly Fence[]): Promise<Set<string>>;
  /** Stores results. Repeating it is safe. */
  complete(completions: readonly Completion[]): Promise<Stored>;
  /** Ends attempts: each thought is announced again after its delay, or fails. */
  fail(failures: readonly Failure[]): Promise<Ended>;
}

export function createClaims(database: Database, { leaseMs, maxAttempts }: ClaimsOptions): Claims {
  return {
    async claim(ids, publishedAt) {
      const wanted = ids.toSorted();
      const agesMs = wanted.map((id) => String(ageMs(publishedAt?.get(id))));
      return (await database.query<ClaimRow>(CLAIM, [uuids(wanted), leaseMs, `{${agesMs.join(",")}}`])).map(
        fromRow,
      );
    },
    async hasSuspects() {
      return (await database.query(HAS_SUSPECTS)).length > 0;
    },
    async claimSuspect() {
      const [row] = await database.query<ClaimRow>(CLAIM_SUSPECT, [leaseMs]);
      return row === undefined ? null : fromRow(row);
    },
    async existing(ids) {
      const rows = await database.query<{ id: string }>(EXISTING, [uuids(ids)]);
      return new Set(rows.map(({ id }) => id));
    },
    async renew(claims) {
      const rows = await database.query<{ id: string }>(RENEW, [fences(claims), leaseMs]);
      return new Set(rows.map(({ id }) => id));
    },
    async complete(completions) {
      const done = completions.toSorted(byId).map(({ id, attempt, result, analysedAt, fromCache = null }) =>
        `{"id":"${id}","attempt":${attempt},"age":${
          ageMs(analysedAt)
        },"cached":${fromCache},"result":${result}}`
      );
      const others = await database.query<{ id: string; status: string | null; newer: number | null }>(
        COMPLETE,
        [`[${done.join(",")}]`],
      );
      const stored = new Set(completions.map(({ id }) => id));
      const fenced = new Set<string>();
      for (const { id, status, newer } of others) {
        // An earlier write of the same claim succeeded, but its response was lost.
        if (status === "completed" && newer === 0) continue;
        stored.delete(id);
        // A deleted or cancelled thought has no other worker to fence off.
        if (status !== null && status !== "failed") fenced.add(id);
      }
      return { stored, fenced };
    },
    async fail(failures) {
      const rows = failures.toSorted(byId).map((failure) => ({
        ...failure,
        error: failure.error === null ? null : printable(failure.error),
      }));
      return ended(await database.query(FAIL, [JSON.stringify(rows), maxAttempts]));
    },
  };
}

interface ClaimRow {
  readonly id: string;
  readonly attempts: number;
  readonly charged: number;
  readonly text: string;
  readonly context: string | null;
  readonly priority: ThoughtPriority;
  readonly traceparent: string | null;
  readonly created_at: Date;
  readonly canary: boolean;
}

function fromRow(row: ClaimRow): Claim {
  return {
    id: row.id,
    attempt: row.attempts,
    charged: row.charged,
    text: row.text,
    context: row.context,
    priority: row.priority,
    traceparent: row.traceparent,
    acceptedAt: row.created_at.getTime(),
    canary: row.canary,
  };
}

/** How long ago something was: an age goes over to the database's clock as it is, a time does not. */
const ageMs = (at: number | null | undefined) => typeof at === "number" ? Math.max(0, Date.now() - at) : null;

/** Ids contain no character that an array literal would have to quote. */
const uuids = (ids: readonly string[]) => `{${ids.join(",")}}`;

/** What a claim returns of the row `t`. */
const CLAIMED = `t.id, t.attempts, t.attempts - t.attempts_forgiven as charged, t.text, t.context, t.priority,
    t.traceparent, t.created_at, t.user_id = '${CANARY_USER}' as canary`;

/**
 * `id = any(array[…])` in place of `id = …`, here and below: it can't be hashed, so whatever the planner
 * believes about the table's size, it looks up each row by its key (docs/decisions/0063-plans.md).
 *
 * A row that another worker is claiming just now is waited for, and then left out.
 */
const CLAIM = `
  update thoughts t
  set status = 'processing', attempts = attempts + 1, claimed_until = now() + ${interval("$2")},
    claimed_at = now(), published_at = now() - ${interval("wanted.age")}
  from unnest($1::text::uuid[], $3::text::float8[]) as wanted(id, age)
  where t.id = any(array[wanted.id]) and ${joined("wanted.id", "t.status = 'pending' and t.crashes = 0")}
  returning ${CLAIMED}`;

const DUE_SUSPECTS = `outbox
    where suspect and available_at not between now() + interval '1 microsecond' and ${HORIZON}`;

const HAS_SUSPECTS = `select from ${DUE_SUSPECTS} limit 1`;

const CLAIM_SUSPECT = `
  with next as materialized (
    select thought_id, attempts from ${DUE_SUSPECTS}
    order by available_at limit 1 for update skip locked
  ), gone as (
    delete from outbox o using next
    where o.thought_id = any(array[next.thought_id]) and o.attempts - next.attempts = 0
  )
  update thoughts t
  set status = 'processing', attempts = t.attempts + 1, claimed_until = now() + ${interval("$1")},
    claimed_at = now(), published_at = null
  from next
  where t.id = any(array[next.thought_id]) and ${joined("next.thought_id", "t.status = 'pending'")}
  returning ${CLAIMED}`;

const EXISTING = `
  select t.id
  from unnest($1::text::uuid[]) as wanted(id)
  cross join lateral (select id from thoughts where id = wanted.id offset 0) t`;

const RENEW = `
  update thoughts t set claimed_until = now() + ${interval("$2")}
  from jsonb_to_recordset($1::text::jsonb) as held(id uuid, attempt int)
  where t.id = any(array[held.id]) and t.attempts - held.attempt = 0
    and ${joined("held.id", "t.status = 'processing'")}
  returning t.id`;

/** Returns those not stored, usually none, as they were before. */
const COMPLETE = `
  with done as materialized (
    select * from jsonb_to_recordset($1::text::jsonb) as done(id uuid, attempt int, age float8, cached boolean, result jsonb)
  ), stored as (
    update thoughts t
    set status = 'completed', result = done.result, error = null, crashes = 0, claimed_until = null,
      finished_at = clock_timestamp(), analysed_at = clock_timestamp() - ${
  interval("done.age")
}, from_cache = done.cached
    from done
    where t.id = any(array[done.id]) and t.attempts - done.attempt = 0
      and ${joined("done.id", "t.status = 'processing'")}
    returning t.id, t.flow, t.user_id, t.status, t.created_at, t.finished_at, t.traceparent
  ), ${report("stored")}
  select done.id, t.status, t.attempts - done.attempt as newer
  from done left join lateral (
    select status, attempts from thoughts where id = done.id offset 0
  ) t on true
  where done.id not in (select id from stored)`;

const FAIL = `
  with over as materialized (
    select id, attempt, error, kind, reason, ${interval('"delayMs"')} as delay
    from jsonb_to_recordset($1::text::jsonb) as failure(id uuid, attempt int, error text, kind text, reason text, "delayMs" float8)
  ), ended as (
    update thoughts t
    set attempts_forgiven = attempts_forgiven + case kind when 'released' then 1 else 0 end,
      crashes = case kind when 'released' then crashes else 0 end,
      status = case when ${gaveUp("kind")} then 'failed' else 'pending' end,
      finished_at = case when ${gaveUp("kind")} then clock_timestamp() end,
      failure = case when ${gaveUp("kind")} then over.reason end,
      error = coalesce(over.error, t.error), claimed_until = null,
      queued_at = case when ${gaveUp("kind")} then queued_at else now() + over.delay end
    from over
    where t.id = any(array[over.id]) and t.attempts - over.attempt = 0
      and ${joined("over.id", "t.status = 'processing'")}
    returning t.id, t.attempts, t.flow, t.user_id, t.priority, t.status, t.error, t.traceparent, t.crashes,
      t.created_at, t.finished_at, over.delay, kind <> 'released' as charged
  ), ${AFTERWARDS}`;

function gaveUp(kind: string): string {
  return `${kind} = 'refused' or (${kind} = 'charged' and attempts - attempts_forgiven >= $2::int)`;
}
