/** What waits in the whole store, for the gauges. */
import { CANARY_USER, type ThoughtPriority } from "../thought.ts";
import type { Database } from "./database.ts";

export interface Waiting {
  /** Thoughts that are not finished, by priority. */
  readonly thoughts: Readonly<Record<ThoughtPriority, number>>;
  /** Age of the oldest of them in seconds; 0 when there is none. */
  readonly oldestS: Readonly<Record<ThoughtPriority, number>>;
  /** Messages in the outbox. */
  readonly outbox: number;
}

/** Counts what waits, on the connections for reads. */
export async function countWaiting(database: Database): Promise<Waiting> {
  const [row] = await database.read<WaitingRow>(WAITING);
  const { total, batch, oldest_interactive, oldest_batch, outbox } = row!;
  return {
    thoughts: { interactive: total - batch, batch },
    oldestS: { interactive: oldest_interactive, batch: oldest_batch },
    outbox,
  };
}

interface WaitingRow {
  readonly total: number;
  readonly batch: number;
  readonly oldest_interactive: number;
  readonly oldest_batch: number;
  readonly outbox: number;
}

const oldest = (priority: ThoughtPriority) => `
  greatest(0, coalesce((
    select extract(epoch from now() - created_at) from thoughts
    where finished_at is null and priority = '${priority}' and user_id <> '${CANARY_USER}' order by id limit 1
  ), 0))::float8`;

/**
 * Without the canary's: they are counted apart and taken off, so that the large count needs the index alone.
 * A clock that went back makes ages negative: they are then reported as 0.
 */
const WAITING = `
  select
    (select count(*) from thoughts where finished_at is null)::float8 -
      (select count(*) from thoughts where finished_at is null and user_id = '${CANARY_USER}')::float8 as total,
    (select count(*) from thoughts where finished_at is null and priority = 'batch')::float8 as batch,
    ${oldest("interactive")} as oldest_interactive, ${oldest("batch")} as oldest_batch,
    (select count(*) from outbox)::float8 as outbox`;
