/** PostgreSQL, by the `postgres` package. */
import postgres from "postgres";
import {
  type Database,
  DatabaseUnavailableError,
  type Parameter,
  type Queries,
  UnstorableError,
} from "./database.ts";
import { DeadlineError, within } from "../deadline.ts";
import { withoutPassword } from "../address.ts";

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`, a password may be in it. */
  readonly url: string;
  /** Used when the address has none. */
  readonly password?: string;
  /** Connections of this process, beside one for transactions. Five processes stay below the 50 that would warn. @default 5 */
  readonly poolSize?: number;
  /** A statement is cancelled by the server after this. @default 10_000 */
  readonly statementTimeoutMs?: number;
}

/** How much longer than the server's own limit a statement is waited for, before its connections are given up. */
const GRACE_MS = 2_000;
const CONNECT_TIMEOUT_S = 5;
/** The connection for transactions is let go when unused for this long: longer than one may pause between statements. */
const IDLE_TRANSACTIONS_S = 60;

/** Opens a pool; nothing is connected until the first query. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, password, poolSize = 5, statementTimeoutMs = 10_000 } = options;
  const connect = (particulars: postgres.Options<Record<string, never>>) =>
    postgres(url, {
      ...(password === undefined ? {} : { password }),
      connect_timeout: CONNECT_TIMEOUT_S,
      // Asking for the types at connect can reject with nobody listening; arrays are passed as text instead.
      fetch_types: false,
      backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
      onnotice: () => {},
      connection: { application_name: "thought-processor", statement_timeout: statementTimeoutMs },
      ...particulars,
    });
  let pool = connect({ max: poolSize });
  const transactions = createTransactions(connect);

  /** A statement that the server neither answers nor cancels sits on a dead connection: the pool is replaced. */
  async function query<R>(sql: string, parameters?: readonly Parameter[]): Promise<R[]> {
    const used = pool;
    try {
      return await within(limitMs, "PostgreSQL", run<R>(used, sql, parameters));
    } catch (error) {
      if (error instanceof DeadlineError && pool === used) {
        pool = connect({ max: poolSize });
        used.end({ timeout: 0 }).catch(() => {});
      }
      throw translate(error);
    }
  }

  const limitMs = statementTimeoutMs + GRACE_MS;
  return {
    name: withoutPassword(url),
    query,
    transaction: (body) =>
      transactions.run(body, 2 * limitMs).catch((error) => {
        throw translate(error);
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([pool.end({ timeout: 5 }), transactions.end()]);
    },
  };
}

/** A connection of its own. Once closed it must not be written to any more. */
interface Line {
  readonly sql: postgres.Sql;
  closed: boolean;
}

/**
 * Transactions, each on a connection of its own that the next one may use again. In place of the library's `begin`: when
 * a connection breaks inside that, postgres.js 3.4.9 writes its ROLLBACK to a socket that is gone, which nobody can catch
 * and which ends the process (its issues 1066 and 1208).
 */
function createTransactions(connect: (particulars: postgres.Options<Record<string, never>>) => postgres.Sql) {
  let idle: Line | undefined;

  function open(): Line {
    const onclose = () => void (line.closed = true);
    const line: Line = {
      sql: connect({ max: 1, idle_timeout: IDLE_TRANSACTIONS_S, max_lifetime: null, onclose }),
      closed: false,
    };
    return line;
  }

  async function transact<T>(line: Line, body: (queries: Queries) => Promise<T>): Promise<T> {
    let failed: { readonly error: unknown } | undefined;
    async function query<R>(sql: string, parameters?: readonly Parameter[]): Promise<R[]> {
      // It would connect anew, and run outside the transaction.
      if (line.closed) {
        throw new DatabaseUnavailableError("PostgreSQL: the connection broke in a transaction");
      }
      try {
        return await run<R>(line.sql, sql, parameters);
      } catch (error) {
        failed ??= { error };
        throw translate(error);
      }
    }
    try {
      await query("begin");
      const result = await body({ query });
      if (failed) throw failed.error;
      await query("commit");
      return result;
    } catch (error) {
      // A connection in doubt is given up, which rolls back too.
      if (translate(failed?.error ?? error) instanceof DatabaseUnavailableError) line.closed = true;
      if (!line.closed) {
        await within(GRACE_MS, "PostgreSQL", run(line.sql, "rollback")).catch(() => line.closed = true);
      }
      throw error;
    }
  }

  return {
    async run<T>(body: (queries: Queries) => Promise<T>, limitMs: number): Promise<T> {
      const line = idle === undefined || idle.closed ? open() : idle;
      idle = undefined;
      try {
        return await within(limitMs, "PostgreSQL", transact(line, body));
      } catch (error) {
        if (error instanceof DeadlineError) line.closed = true;
        throw error;
      } finally {
        if (!line.closed && idle === undefined) idle = line;
        else {
          line.closed = true;
          line.sql.end({ timeout: 0 }).catch(() => {});
        }
      }
    },
    end: () => idle?.sql.end({ timeout: 5 }),
  };
}

async function run<R>(
  sql: postgres.Sql,
  statement: string,
  parameters: readonly Parameter[] = [],
): Promise<R[]> {
  return await sql.unsafe(statement, [...parameters], { prepare: true }) as unknown as R[];
}

function translate(error: unknown): unknown {
  if (error instanceof DeadlineError) return new DatabaseUnavailableError(error.message, { cause: error });
  if (!(error instanceof Error)) return error;
  const code = "code" in error ? String(error.code) : "";
  if (/^(22|23)...$/.test(code)) return new UnstorableError(error.message, { cause: error });
  // Connection lost or refused (postgres.js and the system), server stopping (57P), out of room on its disk or of other
  // resources (53), its disk failing (58), cancelled by its own time limit (57014), deadlock or serialization (40): all
  // may go well next time.
  const transient = /^(08|40|53|57|58)...$/.test(code) || /^(CONNECT|CONNECTION|E[A-Z]+)/.test(code);
  return transient
    ? new DatabaseUnavailableError(`PostgreSQL: ${error.message || code}`, { cause: error })
    : error;
}
