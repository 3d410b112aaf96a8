/** What waits in the whole store, for the gauges. */
import { CANARY_USER, type ThoughtPriority } from "../thought.ts";
import { ofUser, ORDER_OF_USER } from "./by_user.ts";
import type { Database } from "./database.ts";

export interface Waiting {
  /** Thoughts that are not finished, by priority. */
  readonly thoughts: Readonly<Record<ThoughtPriority, number>>;
  /** Age of the oldest of them in seconds; 0 when there is none. */
  readonly oldestS: Readonly<Record<ThoughtPriority, number>>;
  /** Messages in the outbox. */
  readonly outbox: number;
}

export interface CounterOptions {
  /** From this many thoughts and messages on, counts are repeated less often. @default 100,000 */
  readonly many?: number;
  /** A clock in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** What counting a long backlog may take of the time: 50 ms every five seconds. */
const SHARE = 0.01;
/** However long a count takes, it is repeated after this. */
const REPEATED_AFTER_MS = 60_000;

/**
 * Makes a function that counts what waits, on the connections for reads, and leaves the result for
 * {@link readWaiting}. While many wait, it returns its last count until as much time has gone by that counting
 * takes a hundredth of it, a minute at most.
 */
export function createWaitingCounter(
  database: Database,
  { many = 100_000, now = () => performance.now() }: CounterOptions = {},
): () => Promise<Waiting> {
  let counted: WaitingRow | undefined;
  let againAt = -Infinity;

  return async () => {
    if (counted === undefined || now() >= againAt) {
      const startedAt = now();
      [counted] = await database.read<WaitingRow>(COUNT) as [WaitingRow];
      const endedAt = now();
      const pauseMs = Math.min(REPEATED_AFTER_MS, (endedAt - startedAt) / SHARE);
      againAt = counted.total + counted.outbox < many ? -Infinity : endedAt + pauseMs;
    }
    const { total, batch, oldest_interactive, oldest_batch, outbox } = counted;
    await database.query(KEEP, [total, batch, oldest_interactive, oldest_batch, outbox]);
    return toWaiting(counted);
  };
}

/** Counts what waits, and leaves the result for {@link readWaiting}. */
export const countWaiting = (database: Database): Promise<Waiting> => createWaitingCounter(database)();

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

/** The canary posts one thought a minute; older ones that wait count as anybody's. */
const CANARY_LOOKED_AT = 1_000;

/** A query that counts the canary's thoughts that wait, among its newest, however many it has posted. */
export const CANARY_WAITING = `
  select count(*) from (
    select finished_at from thoughts where ${ofUser(`'${CANARY_USER}'`)}
    order by ${ORDER_OF_USER.desc} limit ${CANARY_LOOKED_AT}
  ) newest where finished_at is null`;

/**
 * Without the canary's: they are counted apart and taken off, so that the large count needs the index alone. A
 * clock that went back makes ages negative: they are then reported as 0.
 */
const COUNT = `
  select
    (select count(*) from thoughts where finished_at is null)::float8 -
      (${CANARY_WAITING})::float8 as total,
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
