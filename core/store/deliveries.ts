/** Events on their way to receivers, as the process that delivers them sees them. */
import type { Traceparent } from "../telemetry/traceparent.ts";
import type { Database, Notifications } from "./database.ts";
import { printable } from "./printable.ts";
import { EVENT_WRITTEN } from "./webhooks.ts";

/** A webhook with events that wait. */
export interface Waiting {
  readonly flow: string;
  readonly url: string;
  /** When its next event is due, in milliseconds from now; negative once it is. */
  readonly dueMs: number;
}

/** One attempt to deliver one event. The id and the attempt together are the claim. */
export interface Delivery {
  /** The same in every attempt. */
  readonly id: string;
  readonly attempt: number;
  readonly flow: string;
  readonly url: string;
  /** Secrets that sign it, base64, the newest first. */
  readonly secrets: readonly string[];
  readonly thoughtId: string;
  readonly userId: string;
  readonly status: "completed" | "failed";
  /** When the thought was accepted and when it ended, in milliseconds since the epoch. */
  readonly acceptedAt: number;
  readonly endedAt: number;
  readonly traceparent: Traceparent | null;
}

export interface Missed {
  /** What the attempt ran into; no part of the URL but its host, and nothing that the receiver sent. */
  readonly error: string;
  /** Pause before the next attempt, in milliseconds, at most {@link MAX_PAUSE_MS}; null gives the event up. */
  readonly pauseMs: number | null;
}

export interface Backlog {
  /** Events not delivered and not given up. */
  readonly pending: number;
  /** Since when the oldest of them waits, in seconds; 0 when none does. */
  readonly oldestS: number;
}

export interface Deliveries {
  /** Webhooks with events that wait. */
  waiting(): Promise<Waiting[]>;
  /**
   * Claims due events, of each flow at most as many as it has room, the longest due first; skips those that
   * another process is claiming. After `leaseMs` an event that was not settled counts as not delivered.
   */
  take(rooms: readonly Room[], leaseMs: number): Promise<Delivery[]>;
  /** Deletes an event that its receiver accepted. */
  accepted(delivery: Pick<Delivery, "id" | "attempt">): Promise<void>;
  /** Ends an attempt: the event is tried again, or given up. */
  missed(delivery: Pick<Delivery, "id" | "attempt">, missed: Missed): Promise<void>;
  /**
   * Gives up at most `limit` due events of these flows whose thoughts ended more than `afterMs` ago.
   *
   * @returns how many
   */
  giveUp(flows: readonly string[], afterMs: number, limit: number): Promise<number>;
  /**
   * Makes events due that a clock that went back has put too far ahead; deletes those given up more than
   * {@link KEPT_DAYS} ago, and those whose webhook is gone.
   */
  tidy(): Promise<void>;
  backlog(): Promise<Backlog>;
  /** Calls back when events were written, as a hint: see {@link Database.listen}. */
  onWritten(listener: () => void): Notifications;
}

export interface Room {
  readonly flow: string;
  readonly room: number;
}

/** The longest pause between two attempts. */
export const MAX_PAUSE_MS = 30 * 60_000;
/** How long events that were given up are kept, for those who look for them. */
export const KEPT_DAYS = 7;

export function createDeliveries(database: Database): Deliveries {
  return {
    async waiting() {
      const rows = await database.query<{ flow: string; url: string; due_ms: number }>(WAITING);
      return rows.map(({ flow, url, due_ms }) => ({ flow, url, dueMs: due_ms }));
    },
    async take(rooms, leaseMs) {
      return (await database.query<DeliveryRow>(TAKE, [JSON.stringify(rooms), leaseMs])).map(fromRow);
    },
    async accepted({ id, attempt }) {
      await database.query(ACCEPTED, [id, attempt]);
    },
    async missed({ id, attempt }, { error, pauseMs }) {
      await database.query(MISSED, [id, attempt, printable(error), pauseMs]);
    },
    async giveUp(flows, afterMs, limit) {
      return (await database.query(GIVE_UP, [JSON.stringify(flows), afterMs, limit])).length;
    },
    async tidy() {
      await database.query(BEYOND_HORIZON);
      await database.query(EXPIRED);
      await database.query(ORPHANED);
    },
    async backlog() {
      const [row] = await database.read<{ pending: number; oldest_s: number }>(BACKLOG);
      return { pending: row!.pending, oldestS: row!.oldest_s };
    },
    onWritten: (listener) => database.listen(EVENT_WRITTEN, listener),
  };
}

interface DeliveryRow {
  readonly id: string;
  readonly attempts: number;
  readonly flow: string;
  readonly url: string;
  readonly secret: string;
  readonly secret_before: string | null;
  readonly thought_id: string;
  readonly user_id: string;
  readonly status: "completed" | "failed";
  readonly accepted_at: Date;
  readonly ended_at: Date;
  readonly traceparent: Traceparent | null;
}

function fromRow(row: DeliveryRow): Delivery {
  return {
    id: row.id,
    attempt: row.attempts,
    flow: row.flow,
    url: row.url,
    secrets: row.secret_before === null ? [row.secret] : [row.secret, row.secret_before],
    thoughtId: row.thought_id,
    userId: row.user_id,
    status: row.status,
    acceptedAt: row.accepted_at.getTime(),
    endedAt: row.ended_at.getTime(),
    traceparent: row.traceparent,
  };
}

const WAITING = `
  select w.flow, w.url, extract(epoch from next.due_at - now())::float8 * 1000 as due_ms
  from webhooks w cross join lateral (
    select due_at from webhook_deliveries where flow = w.flow and due_at is not null order by due_at limit 1
  ) next`;

const TAKE = `
  with taken as materialized (
    select d.id
    from jsonb_to_recordset($1::text::jsonb) as wanted(flow text, room int) cross join lateral (
      select id from webhook_deliveries
      where flow = wanted.flow and due_at <= now()
      order by due_at limit wanted.room for update skip locked
    ) d
  )
  update webhook_deliveries d
  set attempts = d.attempts + 1, due_at = now() + $2::float8 * interval '1 millisecond'
  from taken, webhooks w
  where d.id = any(array[taken.id]) and w.flow = d.flow
  returning d.id, d.attempts, d.flow, w.url, w.secret,
    case when w.secret_before_until > now() then w.secret_before end as secret_before,
    d.thought_id, d.user_id, d.status, d.accepted_at, d.ended_at, d.traceparent`;

const ACCEPTED = "delete from webhook_deliveries where id = $1::text::uuid and attempts = $2";

const MISSED = `
  update webhook_deliveries
  set error = $3, due_at = now() + $4::float8 * interval '1 millisecond',
    given_up_at = case when $4::float8 is null then now() end
  where id = $1::text::uuid and attempts = $2`;

const GIVE_UP = `
  with old as materialized (
    select d.id
    from jsonb_array_elements_text($1::text::jsonb) as wanted(flow) cross join lateral (
      select id from webhook_deliveries
      where flow = wanted.flow and due_at <= now() and ended_at < now() - $2::float8 * interval '1 millisecond'
      order by due_at limit $3::int for update skip locked
    ) d
  )
  update webhook_deliveries d
  set due_at = null, given_up_at = now(), error = coalesce(error, 'the receiver could not be reached')
  from old where d.id = any(array[old.id]) returning d.id`;

/** No pause is longer: such a time was written before the database's clock went back. */
const BEYOND_HORIZON = `
  update webhook_deliveries d set due_at = now() from webhooks w
  where d.flow = w.flow and d.due_at > now() + interval '${MAX_PAUSE_MS + 60_000} milliseconds'`;

const EXPIRED = `
  delete from webhook_deliveries d using webhooks w
  where d.flow = w.flow and d.given_up_at < now() - interval '${KEPT_DAYS} days'`;

/** Written by a statement that began before the webhook was deleted. */
const ORPHANED =
  "delete from webhook_deliveries d where not exists (select from webhooks w where w.flow = d.flow)";

const BACKLOG = `
  select count(*)::float8 as pending,
    greatest(0, coalesce(extract(epoch from now() - min(ended_at)), 0))::float8 as oldest_s
  from webhook_deliveries where due_at is not null`;
