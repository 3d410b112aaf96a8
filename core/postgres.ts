/** PostgreSQL, by the `postgres` package. */
import postgres from "postgres";
import { type Database, DatabaseUnavailableError, type Parameter, UnstorableError } from "./database.ts";
import { DeadlineError, within } from "./lifecycle.ts";

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`, a password may be in it. */
  readonly url: string;
  /** Used when the address has none. */
  readonly password?: string;
  /** Connections of this process. Five processes of 5 stay below the 50 that would warn. @default 5 */
  readonly poolSize?: number;
  /** A statement is cancelled by the server after this. @default 10_000 */
  readonly statementTimeoutMs?: number;
}

/** How much longer than the server's own limit a statement is waited for, before its connections are given up. */
const GRACE_MS = 2_000;
const CONNECT_TIMEOUT_S = 5;

/** Opens a pool; nothing is connected until the first query. */
export function openPostgres(options: PostgresOptions): Database {
  const { url, password, poolSize = 5, statementTimeoutMs = 10_000 } = options;
  const connect = () =>
    postgres(url, {
      ...(password === undefined ? {} : { password }),
      max: poolSize,
      connect_timeout: CONNECT_TIMEOUT_S,
      // Asking for the types at connect can reject with nobody listening; arrays are passed as text instead.
      fetch_types: false,
      backoff: (retries: number) => Math.min(2, 0.1 * 2 ** retries),
      onnotice: () => {},
      connection: { application_name: "thought-processor", statement_timeout: statementTimeoutMs },
    });
  let pool = connect();

  /** A statement that the server neither answers nor cancels sits on a dead connection: the pool is replaced. */
  async function guarded<T>(limitMs: number, run: (pool: postgres.Sql) => Promise<T>): Promise<T> {
    const used = pool;
    try {
      return await within(limitMs, "PostgreSQL", run(used));
    } catch (error) {
      if (error instanceof DeadlineError && pool === used) {
        pool = connect();
        used.end({ timeout: 0 }).catch(() => {});
      }
      throw translate(error);
    }
  }

  const limitMs = statementTimeoutMs + GRACE_MS;
  return {
    name: withoutPassword(url),
    query: (sql, parameters) => guarded(limitMs, (pool) => run(pool, sql, parameters)),
    transaction: (body) =>
      guarded(
        2 * limitMs,
        (pool) =>
          pool.begin((tx) => body({ query: (sql, parameters) => run(tx, sql, parameters) })) as ReturnType<
            typeof body
          >,
      ),
    [Symbol.asyncDispose]: () => pool.end({ timeout: 5 }),
  };
}

async function run<R>(
  sql: postgres.Sql | postgres.TransactionSql,
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
  // Connection lost or refused (postgres.js and the system), server stopping (57P), out of resources (53), cancelled
  // by its own time limit (57014), deadlock or serialization (40): all may go well next time.
  const transient = /^(08|40|53|57)...$/.test(code) || /^(CONNECT|CONNECTION|E[A-Z]+)/.test(code);
  return transient
    ? new DatabaseUnavailableError(`PostgreSQL: ${error.message || code}`, { cause: error })
    : error;
}

function withoutPassword(url: string): string {
  const parsed = new URL(url);
  parsed.password = "";
  return parsed.href;
}
