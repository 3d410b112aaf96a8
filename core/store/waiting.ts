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

/** Counts what waits, on the connections for reads, and leaves the result for {@link readWaiting}. */
export async function countWaiting(database: Database): Promise<Waiting> {
  const [row] = await database.read<WaitingRow>(COUNT);
  const { total, batch, oldest_interactive, oldest_batch, outbox } = row!;
  await database.query(KEEP, [total, batch, oldest_interactive, oldest_batch, outbox]);
  return toWaiting(row!);
}

/**
 * What waited when a worker last counted.
 *
 * @throws {Error} when none has within the last 20 s
 */
export async function readWaiting(database: Database): Promise<Waiting> {
  const [row] = await database.read<WaitingRow>(READ);
  if (row === undefined) throw new Error(`No worker has counted what waits within ${KNOWN_FOR_S} s`);
  return toWaiting(row);
}

/** Longer than it takes until another worker leads and counts. */
const KNOWN_FOR_S = 20;

const toWaiting = (
  { total, batch, oldest_interactive, oldest_batch, outbox }: WaitingRow,
): Waiting => ({
  thoughts: { interactive: total - batch, batch },
  oldestS: { interactive: oldest_interactive, batch: oldest_batch },
  outbox,
});

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
const COUNT = `
  select
    (select count(*) from thoughts where finished_at is null)::float8 -
      (select count(*) from thoughts where finished_at is null and user_id = '${CANARY_USER}')::float8 as total,
    (select count(*) from thoughts where finished_at is null and priority = 'batch')::float8 as batch,
    ${oldest("interactive")} as oldest_interactive, ${oldest("batch")} as oldest_batch,
    (select count(*) from outbox)::float8 as outbox`;

const KEEP = `
  insert into waiting (counted_at, total, batch, oldest_interactive, oldest_batch, outbox)
  values (now(), $1::float8, $2::float8, $3::float8, $4::float8, $5::float8)
  on conflict (only_row) do update set counted_at = excluded.counted_at, total = excluded.total, batch = excluded.batch,
    oldest_interactive = excluded.oldest_interactive, oldest_batch = excluded.oldest_batch, outbox = excluded.outbox`;

const READ = `
  select total, batch, oldest_interactive, oldest_batch, outbox from waiting
  where counted_at between now() - interval '${KNOWN_FOR_S} seconds' and now() + interval '${KNOWN_FOR_S} seconds'`;
