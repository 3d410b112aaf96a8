/** Webhooks as the API sees them: one for each API key, where its thoughts are reported once they end. */
import { CANARY_USER } from "../thought.ts";
import type { Database } from "./database.ts";

export interface Webhook {
  /** The name of the API key whose thoughts it reports; empty without keys. */
  readonly flow: string;
  readonly url: string;
  /** ISO 8601, in UTC. */
  readonly createdAt: string;
  /** Events that wait for their delivery, or for another attempt. */
  readonly pending: number;
  /** When the thought of the oldest of them ended; null when none waits. */
  readonly oldestPendingAt: string | null;
  /** Events that were given up, of the last days. */
  readonly givenUp: number;
  /** What the newest failed attempt ran into; null if no event that is still kept has failed. */
  readonly lastError: string | null;
}

export interface NewWebhook {
  readonly flow: string;
  /** Whom the key belongs to; null: every user. Forgetting that user deletes the webhook. */
  readonly userId: string | null;
  readonly url: string;
  /** Signs its events; base64. */
  readonly secret: string;
}

export interface Webhooks {
  get(flow: string): Promise<Webhook | null>;
  /**
   * Stores a webhook, or replaces its address and secret. The secret before signs as well for
   * {@link CHANGE_OVER_HOURS}; what waits goes to the new address.
   */
  put(webhook: NewWebhook): Promise<void>;
  /** Deletes a webhook with the events that wait. False if there was none. */
  delete(flow: string): Promise<boolean>;
}

/** How long the secret before signs as well. */
export const CHANGE_OVER_HOURS = 24;

/** Notified when an event was written. */
export const EVENT_WRITTEN = "webhook_events";

export function createWebhooks(database: Database): Webhooks {
  return {
    async get(flow) {
      const [row] = await database.read<WebhookRow>(GET, [flow]);
      if (row === undefined) return null;
      return {
        flow,
        url: row.url,
        createdAt: row.created_at.toISOString(),
        pending: row.pending,
        oldestPendingAt: row.oldest_pending_at?.toISOString() ?? null,
        givenUp: row.given_up,
        lastError: row.error,
      };
    },
    async put({ flow, userId, url, secret }) {
      await database.query(PUT, [flow, userId, url, secret]);
    },
    async delete(flow) {
      return await database.transaction(async (tx) => {
        const gone = await tx.query("delete from webhooks where flow = $1 returning flow", [flow]);
        await tx.query("delete from webhook_deliveries where flow = $1", [flow]);
        return gone.length > 0;
      }, { repeatable: true });
    },
  };
}

interface WebhookRow {
  readonly url: string;
  readonly created_at: Date;
  readonly pending: number;
  readonly oldest_pending_at: Date | null;
  readonly given_up: number;
  readonly error: string | null;
}

/**
 * A CTE that writes an event for each thought that has ended and whose key has a webhook, and notifies those
 * who deliver.
 *
 * @param from the CTE of thoughts; has id, flow, user_id, status, created_at, finished_at and traceparent
 */
export const report = (from: string) => `
  reported as (
    insert into webhook_deliveries (flow, thought_id, user_id, status, accepted_at, ended_at, traceparent)
    select w.flow, e.id, e.user_id, e.status, e.created_at, e.finished_at, e.traceparent
    from ${from} e join webhooks w on w.flow = any(array[e.flow])
    where e.status in ('completed', 'failed') and e.user_id <> '${CANARY_USER}'
    returning pg_notify('${EVENT_WRITTEN}', '')
  )`;

const GET = `
  select w.url, w.created_at, pending.count as pending, pending.oldest as oldest_pending_at,
    (select count(*)::int from webhook_deliveries where flow = w.flow and given_up_at is not null) as given_up,
    (select error from webhook_deliveries where flow = w.flow and error is not null order by ended_at desc limit 1) as error
  from webhooks w cross join lateral (
    select count(*)::int as count, min(ended_at) as oldest
    from webhook_deliveries where flow = w.flow and due_at is not null
  ) pending
  where w.flow = $1`;

const PUT = `
  insert into webhooks (flow, user_id, url, secret) values ($1, $2, $3, $4)
  on conflict (flow) do update
  set user_id = excluded.user_id, url = excluded.url, secret = excluded.secret,
    secret_before = webhooks.secret, secret_before_until = now() + interval '${CHANGE_OVER_HOURS} hours'`;
