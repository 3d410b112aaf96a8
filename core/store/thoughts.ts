/** Thoughts as the API sees them: stored in bulk, read, listed, deleted, watched. */
import { type Database, type Queries, UnstorableError } from "./database.ts";
import {
  type NewThought,
  type Status,
  type Thought,
  type ThoughtPriority,
  type Timeline,
} from "../thought.ts";
import { ofUser, ORDER_OF_USER } from "./by_user.ts";
import { announceNow, POSTED } from "./outbox.ts";
import { lastLookedAt, listed, type Listing, type Statement } from "./listing.ts";
import { CANARY_WAITING } from "./waiting.ts";
import { isSampled, traceFields, type Traceparent } from "../telemetry/traceparent.ts";

/** A thought to store, with the id it will have. */
export interface Insertion extends NewThought {
  readonly id: string;
  /** Distinguishes a repeated request from another one under the same Idempotency-Key; null without a key. */
  readonly requestHash: string | null;
  readonly priority: ThoughtPriority;
  /**
   * The name of the API key it came with; empty without keys. Flows take turns, and within each its users.
   */
  readonly flow: string;
  readonly traceparent: Traceparent | null;
}

/** What became of an insertion. */
export type Inserted =
  | { readonly outcome: "stored"; readonly id: string }
  /** The same request was stored before, under this id. */
  | { readonly outcome: "repeated"; readonly id: string; readonly status: Status }
  /** The key was used for another request. */
  | { readonly outcome: "conflict" }
  /** The database refuses the value itself. */
  | { readonly outcome: "unstorable" };

export interface Page {
  /** At most as many as requested; fewer, even none, where many others had to be scanned. */
  readonly thoughts: readonly Thought[];
  /** The id beyond which the next page begins; null on the last one. */
  readonly next: string | null;
}

export interface Progress {
  readonly id: string;
  readonly userId: string;
  readonly status: Status;
  readonly attempts: number;
  readonly error: string | null;
  readonly traceId: string | null;
  readonly timeline: Timeline;
}

export interface Store {
  /** Stores thoughts and their outbox messages in one statement; returns them in the order given. */
  insert(thoughts: readonly Insertion[]): Promise<Inserted[]>;
  /**
   * Stores the thoughts of one request under its Idempotency-Key, unless one of their keys belongs to another
   * request: then none is stored, and it returns null. Of requests that come at once under one key, one wins.
   */
  insertAsOne(key: string, thoughts: readonly Insertion[]): Promise<Inserted[] | null>;
  get(id: string): Promise<Thought | null>;
  /** However rare what is asked for, a page looks through a bounded part of them. */
  list(listing: Listing): Promise<Page>;
  /** The progress of those thoughts that exist. */
  progress(ids: readonly string[]): Promise<Progress[]>;
  /** The progress of a user's thoughts after the one with this id, the oldest first. */
  newer(userId: string, after: string, limit: number): Promise<Progress[]>;
  /** How many thoughts are not finished, without the canary's; counted no further than `most`. */
  waiting(most: number): Promise<number>;
  /** Resolves if thoughts can be stored. */
  ping(): Promise<void>;
}

export function createStore(database: Database): Store {
  const read = <R>({ sql, parameters }: Statement) => database.read<R>(sql, parameters);
  let toldAt = -Infinity;

  /** Which of the statements: the one that tells the workers, unless they were told just now. */
  function insertStatement(): string {
    const now = performance.now();
    if (now - toldAt < TELL_EVERY_MS) return INSERT;
    toldAt = now;
    return INSERT_AND_TELL;
  }

  async function insert(thoughts: readonly Insertion[]): Promise<Inserted[]> {
    try {
      return await insertBy(database, thoughts);
    } catch (error) {
      if (!(error instanceof UnstorableError)) throw error;
      if (thoughts.length === 1) return [{ outcome: "unstorable" }];
      // One bad row must not fail the others.
      const half = thoughts.length >> 1;
      return [...await insert(thoughts.slice(0, half)), ...await insert(thoughts.slice(half))];
    }
  }

  async function insertBy(queries: Queries, thoughts: readonly Insertion[]): Promise<Inserted[]> {
    const stored = await queries.query<{ id: string }>(insertStatement(), [JSON.stringify(thoughts)]);
    if (stored.length === thoughts.length) return thoughts.map(({ id }) => ({ outcome: "stored", id }));
    return await settle(queries, thoughts, new Set(stored.map(({ id }) => id)));
  }

  /**
   * Says what became of the thoughts that were not stored: their keys are taken, or were and no longer are.
   */
  async function settle(
    queries: Queries,
    thoughts: readonly Insertion[],
    stored: ReadonlySet<string>,
  ): Promise<Inserted[]> {
    const repeated = thoughts.filter(({ id }) => !stored.has(id));
    const rows = await queries.query<RepeatedRow>(FIND_REPEATED, [JSON.stringify(repeated)]);
    const earlier = new Map(rows.map((row) => [row.asked, row]));
    const earlierOf = ({ id }: Insertion) => earlier.get(id);
    // A thought deleted since has freed its key.
    const freed = repeated.filter((thought) => earlierOf(thought) === undefined);
    const again = new Map(
      freed.length === 0
        ? []
        : (await insertBy(queries, freed)).map((inserted, at) => [freed[at]!.id, inserted]),
    );
    return thoughts.map((thought): Inserted => {
      const { id, requestHash } = thought;
      if (stored.has(id)) return { outcome: "stored", id };
      const row = earlierOf(thought);
      if (row === undefined) return again.get(id)!;
      return row.request_hash === requestHash
        ? { outcome: "repeated", id: row.id, status: row.status }
        : { outcome: "conflict" };
    });
  }

  return {
    insert,
    async insertAsOne(key, thoughts) {
      try {
        return await database.transaction(async (tx) => {
          await tx.query(LOCK_KEY, [key]);
          const taken = await tx.query(FIND_CONFLICT, [JSON.stringify(thoughts)]);
          return taken.length > 0 ? null : await insertBy(tx, thoughts);
        }, { repeatable: true });
      } catch (error) {
        if (!(error instanceof UnstorableError)) throw error;
        return await insert(thoughts); // none was stored: find the bad row
      }
    },
    async get(id) {
      const [row] = await database.read<ThoughtRow>(`select ${COLUMNS} from thoughts where id = $1`, [id]);
      return row === undefined ? null : fromRow(row);
    },
    async list(listing) {
      const { limit, search, slim = false } = listing;
      const last = async () => (await read<{ id: string }>(lastLookedAt(listing)))[0]?.id;
      const bound = search === undefined ? undefined : await last();
      const rows = await read<ThoughtRow>(listed(listing, slim ? SLIM_COLUMNS : COLUMNS, bound));
      const thoughts = rows.slice(0, limit).map(fromRow);
      if (rows.length > limit) return { thoughts, next: thoughts.at(-1)!.id };
      return { thoughts, next: (search === undefined ? await last() : bound) ?? null };
    },
    async progress(ids) {
      const rows = await database.read<ProgressRow>(
        `select ${PROGRESS} from thoughts where id = any($1::text::uuid[])`,
        [`{${ids.join(",")}}`],
      );
      return rows.map(progressOf);
    },
    async newer(userId, after, limit) {
      const rows = await database.read<ProgressRow>(
        `select ${PROGRESS} from thoughts where ${ofUser("$1")} and id > $2::text::uuid
         order by ${ORDER_OF_USER.asc} limit $3`,
        [userId, after, limit],
      );
      return rows.map(progressOf);
    },
    async waiting(most) {
      const [row] = await database.read<{ waiting: number; canary: number }>(
        `select count(*)::int as waiting, (${CANARY_WAITING})::int as canary
         from (select from thoughts where finished_at is null limit $1) unfinished`,
        [most],
      );
      return Math.max(0, row!.waiting - row!.canary);
    },
    ping: database.ping,
  };
}

/** A CTE of insertions under the columns' names; {@link progressOf} is the way back. */
const GIVEN = `
  given (id, user_id, text, context, idempotency_key, request_hash, priority, flow, traceparent) as (
    select id, "userId", text, context, "idempotencyKey", "requestHash", priority, flow, traceparent
    from jsonb_to_recordset($1::text::jsonb) as insertion(
      id uuid, "userId" text, text text, context text, "idempotencyKey" text, "requestHash" text, priority text,
      flow text, traceparent text)
  )`;

const INSERT_ALL = `
  with ${GIVEN}, stored as (
    insert into thoughts (id, user_id, text, context, idempotency_key, request_hash, priority, flow, traceparent)
    select id, user_id, text, context, idempotency_key, request_hash, priority, flow, traceparent from given
    order by user_id, idempotency_key -- two processes with the same keys then wait in turn, not for each other
    on conflict do nothing
    returning id, attempts, flow, user_id, priority, traceparent
  ), ${announceNow("stored")}`;

/**
 * Commits that notify wait for one another, so under load most are left out; workers that are busy look by
 * themselves.
 */
const TELL_EVERY_MS = 5;
const INSERT = `${INSERT_ALL} select id from stored`;
const INSERT_AND_TELL = `${INSERT_ALL}, told as materialized (select pg_notify('${POSTED}', ''))
  select id from stored cross join told`;

/** Requests under one key wait for each other; their statements then see what the one before has stored. */
const LOCK_KEY = "select pg_advisory_xact_lock(hashtextextended($1, 0))";

/**
 * The thought `t` under a given key, by rows in the order of the index of keys: by equality the planner may read all
 * of the user's thoughts instead (docs/decisions/0063-plans.md).
 */
const EARLIER = `
  given cross join lateral (
    select id, status, request_hash from thoughts
    where idempotency_key is not null
      and (user_id, idempotency_key) >= (given.user_id, given.idempotency_key)
      and (user_id, idempotency_key) <= (given.user_id, given.idempotency_key)
    order by user_id, idempotency_key limit 1
  ) t`;

const FIND_REPEATED = `
  with ${GIVEN}
  select given.id as asked, t.id, t.status, t.request_hash from ${EARLIER}`;

const FIND_CONFLICT = `
  with ${GIVEN}
  select from ${EARLIER} where t.request_hash is distinct from given.request_hash limit 1`;

const PROGRESS =
  "id, user_id, status, attempts, error, traceparent, created_at, queued_at, published_at, claimed_at, analysed_at, " +
  "from_cache, finished_at";
const COLUMNS = `${PROGRESS}, text, context, priority, result`;
const SLIM_COLUMNS = `${PROGRESS}, '' as text, null as context, priority, null as result`;

interface RepeatedRow {
  /** The id that the repeated request would have had. */
  readonly asked: string;
  readonly id: string;
  readonly status: Status;
  readonly request_hash: string;
}

interface ProgressRow {
  readonly id: string;
  readonly user_id: string;
  readonly status: Status;
  readonly attempts: number;
  readonly error: string | null;
  readonly traceparent: Traceparent | null;
  readonly created_at: Date;
  readonly queued_at: Date;
  readonly published_at: Date | null;
  readonly claimed_at: Date | null;
  readonly analysed_at: Date | null;
  readonly from_cache: boolean | null;
  readonly finished_at: Date | null;
}

interface ThoughtRow extends ProgressRow {
  readonly text: string;
  readonly context: string | null;
  readonly priority: ThoughtPriority;
  readonly result: Thought["result"];
}

function fromRow(row: ThoughtRow): Thought {
  const { text, context, priority, result } = row;
  const progress = progressOf(row);
  const { acceptedAt: createdAt, finishedAt } = progress.timeline;
  return { ...progress, text, context, priority, result, createdAt, finishedAt };
}

function progressOf(row: ProgressRow): Progress {
  return {
    id: row.id,
    userId: row.user_id,
    status: row.status,
    attempts: row.attempts,
    error: row.error,
    traceId: isSampled(row.traceparent) ? traceFields(row.traceparent).trace_id : null,
    timeline: timelineOf(row),
  };
}

/**
 * What an earlier attempt left is not told. No station lies before the one before it, though clocks differ.
 */
function timelineOf(row: ProgressRow): Timeline {
  const claimed = row.status === "pending" ? null : row.claimed_at;
  const published = claimed && row.published_at;
  const analysed = claimed && row.analysed_at;
  const from = Math.min(row.queued_at.getTime(), claimed?.getTime() ?? Infinity);
  const between = (least: number, at: Date | null, most: Date | null) =>
    at && new Date(Math.max(least, Math.min(at.getTime(), most?.getTime() ?? Infinity))).toISOString();
  return {
    acceptedAt: row.created_at.toISOString(),
    queuedAt: new Date(from).toISOString(),
    publishedAt: between(from, published, claimed),
    claimedAt: claimed?.toISOString() ?? null,
    analysedAt: between(claimed?.getTime() ?? from, analysed, row.finished_at),
    analysedBy: analysed && (row.from_cache ? "cache" : "analyser"),
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}
