/** What became of the thoughts in a database, with a trigger that counts how often each was given a result. */
import postgres from "postgres";
import { freshDatabase } from "../support/services.ts";

export interface Verdict {
  /** Rows in the store: each request that was answered 201, and no other. */
  readonly stored: number;
  readonly completed: number;
  readonly failed: number;
  /** Accepted thoughts that are not in the store, or not at their end. */
  readonly lost: number;
  /** Thoughts given a result more than once, whether or not it was the same. */
  readonly twice: number;
  /** Thoughts with a result that is another thought's. */
  readonly mixedUp: number;
}

export interface Audit {
  /** Counts every result stored from now on, beside those that a restored database has counted. Needs the tables. */
  watch(): Promise<void>;
  count(status: "pending" | "processing" | "completed" | "failed"): Promise<number>;
  /** Thoughts that are not at their end. */
  open(): Promise<number>;
  /** The longest time after `since` in which no thought was completed, in seconds. */
  longestPauseS(since: number): Promise<number>;
  /** Statements in progress in this database, except this one. */
  busy(): Promise<number>;
  verdict(accepted: readonly string[]): Promise<Verdict>;
  query<R>(statement: string, parameters?: (string | number)[]): Promise<R[]>;
}

export interface ResultAudit extends Audit, AsyncDisposable {
  /** The address of this test's database. */
  readonly url: string;
}

/** Makes a database of its own on a server. */
export async function createResultAudit(serverUrl: string): Promise<ResultAudit> {
  const database = await freshDatabase(serverUrl);
  const sql = postgres(database.url, {
    max: 2,
    fetch_types: false,
    onnotice() {},
    connect_timeout: 5,
    backoff: () => 0.2,
  });
  return {
    ...auditOf(sql),
    url: database.url,
    async [Symbol.asyncDispose]() {
      await sql.end({ timeout: 1 });
      await database[Symbol.asyncDispose]();
    },
  };
}

/** Of a database that somebody else looks after. */
export function auditOf(sql: postgres.Sql): Audit {
  const query = async <R>(statement: string, parameters: (string | number)[] = []) =>
    await sql.unsafe(statement, parameters) as unknown as R[];
  const number = async (statement: string, parameters?: (string | number)[]) =>
    (await query<{ n: number }>(`select (${statement})::float8 as n`, parameters))[0]!.n;

  return {
    query,
    async watch() {
      await sql.unsafe(WATCH).simple();
    },
    count: (status) => number("select count(*) from thoughts where status = $1", [status]),
    open: () => number("select count(*) from thoughts where finished_at is null"),
    longestPauseS: (since) => number(LONGEST_PAUSE, [since]),
    busy: () =>
      number(
        "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' and pid <> pg_backend_pid()",
      ),
    async verdict(accepted) {
      const [row] = await query<Verdict>(VERDICT, [JSON.stringify(accepted)]);
      return row!;
    },
  };
}

/** An update that leaves a thought completed stores a result, also when it was completed before. */
const WATCH = `
  create table if not exists stored_results (thought uuid not null, attempt int not null);
  create or replace function note_result() returns trigger language plpgsql as $$
  begin
    insert into stored_results values (new.id, new.attempts);
    return null;
  end $$;
  create or replace trigger note_result after update on thoughts for each row
  when (new.status = 'completed') execute function note_result()`;

/** Both analysers repeat a load's short thoughts in their summaries, so a result shows whose it is. */
const VERDICT = `
  with accepted as (select value::uuid as id from jsonb_array_elements_text($1::text::jsonb) as given(value))
  select
    (select count(*) from thoughts)::float8 as stored,
    (select count(*) from thoughts where status = 'completed' and result is not null)::float8 as completed,
    (select count(*) from thoughts where status = 'failed')::float8 as failed,
    (select count(*) from accepted left join thoughts using (id) where finished_at is null)::float8 as lost,
    (select count(*) from (select from stored_results group by thought having count(*) > 1) again)::float8 as twice,
    (select count(*) from thoughts
      where result is not null and length(text) <= 200 and result->'analysis'->>'summary' <> text
    )::float8 as "mixedUp"`;

const LONGEST_PAUSE = `
  with since as (select to_timestamp($1::float8 / 1000) as at),
    ends as (select finished_at, lag(finished_at) over (order by finished_at) as previous from thoughts)
  select coalesce(max(extract(epoch from finished_at - greatest(previous, at))), 0)
  from ends, since where finished_at > at`;
