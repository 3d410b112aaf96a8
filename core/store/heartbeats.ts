/**
 * Heartbeats of the workers: which are present and what they have done, for an API that has no other contact
 * with them; and which of them leads.
 */
import type { Database } from "./database.ts";

/** How often a worker beats, in milliseconds. */
export const BEAT_MS = 2_000;
/** A worker that has not beaten for this long is gone. */
const GONE_AFTER_S = 10;
const FORGOTTEN_AFTER_S = 3_600;

export interface Heartbeat {
  readonly id: string;
  /** Whether it is a live member of the consumer group. */
  readonly active: boolean;
  /** Workers that should be running. */
  readonly expected: number;
  /** Counts since the worker's start. */
  readonly processed: number;
  readonly failed: number;
  readonly cacheHits: number;
  readonly cacheMisses: number;
  /** Whether it may begin analyses, as far as it knows; `since` in milliseconds since the epoch. */
  readonly gate: {
    readonly status: "open" | "closed" | "probing";
    readonly reason: string | null;
    readonly since: number | null;
  };
}

/** What a worker learns from its beat. */
export interface Others {
  /** Workers that stopped beating within the last hour without having left. */
  readonly vanished: number;
  /**
   * Whether this worker does what one does for all. Two may, for a few seconds: when one has just started, or
   * returns from a pause.
   */
  readonly leads: boolean;
}

export interface Heartbeats {
  beat(heartbeat: Heartbeat): Promise<Others>;
  /** Deletes a worker's row, when it stops. */
  leave(id: string): Promise<void>;
  /** The workers that are present now. `seenAtMs` is by the database's clock. */
  present(): Promise<(Heartbeat & { readonly seenAtMs: number })[]>;
}

export function createHeartbeats(database: Database): Heartbeats {
  return {
    async beat({ id, active, expected, processed, failed, cacheHits, cacheMisses, gate }) {
      const [row] = await database.query<Others>(BEAT, [
        id,
        active,
        expected,
        processed,
        failed,
        cacheHits,
        cacheMisses,
        gate.status,
        gate.reason,
        gate.since,
      ]);
      return row!;
    },
    async leave(id) {
      await database.query("delete from workers where id = $1", [id]);
    },
    async present() {
      const rows = await database.read<PresentRow>(PRESENT);
      return rows.map((
        { seen_at_ms, cache_hits, cache_misses, gate_status, gate_reason, gate_since_ms, ...same },
      ) => ({
        ...same,
        processed: Number(same.processed),
        failed: Number(same.failed),
        cacheHits: Number(cache_hits),
        cacheMisses: Number(cache_misses),
        gate: { status: gate_status, reason: gate_reason, since: gate_since_ms },
        seenAtMs: Number(seen_at_ms),
      }));
    },
  };
}

interface PresentRow {
  readonly id: string;
  readonly active: boolean;
  readonly expected: number;
  readonly processed: string | number;
  readonly failed: string | number;
  readonly cache_hits: string | number;
  readonly cache_misses: string | number;
  readonly gate_status: Heartbeat["gate"]["status"];
  readonly gate_reason: string | null;
  readonly gate_since_ms: number | null;
  readonly seen_at_ms: string | number;
}

/**
 * A heartbeat from the future was written before the clock went back: its worker has sent another since, or
 * is gone.
 */
const IS_PRESENT =
  `seen_at between now() - interval '${GONE_AFTER_S} seconds' and now() + interval '${GONE_AFTER_S} seconds'`;

/** The first of those that are present leads; those that receive thoughts come before those that cannot. */
const BEAT = `
  with forgotten as (
    delete from workers where seen_at < now() - interval '${FORGOTTEN_AFTER_S} seconds'
  )
  insert into workers (id, active, expected, processed, failed, cache_hits, cache_misses, gate_status, gate_reason,
    gate_since)
  values ($1, $2, $3, $4, $5, $6, $7, $8, $9, to_timestamp($10::float8 / 1000))
  on conflict (id) do update set seen_at = now(), active = excluded.active, expected = excluded.expected,
    processed = excluded.processed, failed = excluded.failed, cache_hits = excluded.cache_hits,
    cache_misses = excluded.cache_misses, gate_status = excluded.gate_status, gate_reason = excluded.gate_reason,
    gate_since = excluded.gate_since
  returning (
    select count(*)::int from workers
    where seen_at between now() - interval '${FORGOTTEN_AFTER_S} seconds' and now() - interval '${GONE_AFTER_S} seconds'
      and id <> $1
  ) as vanished, not exists (
    select from workers where ${IS_PRESENT} and (not active, id) < (not $2, $1)
  ) as leads`;

const PRESENT = `
  select id, active, expected, processed, failed, cache_hits, cache_misses, gate_status, gate_reason,
    (extract(epoch from gate_since) * 1000)::float8 as gate_since_ms,
    extract(epoch from seen_at) * 1000 as seen_at_ms
  from workers where ${IS_PRESENT}`;
