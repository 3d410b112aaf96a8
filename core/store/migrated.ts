/**
 * A database whose schema is migrated in the background, however long that takes: until then it refuses
 * calls.
 */
import { pause, repeat } from "../retry.ts";
import { type Logger, reason } from "../telemetry/log.ts";
import {
  type Database,
  DatabaseUnavailableError,
  migrate,
  NEWEST_MIGRATION,
  type Queries,
} from "./database.ts";
import { codeOf } from "./sqlstate.ts";

export interface Migrated extends AsyncDisposable {
  /**
   * Every call throws a {@link DatabaseUnavailableError} until the schema is up to date. The caller disposes
   * it.
   */
  readonly database: Database;
  /**
   * Rejects when waiting is useless: the login is refused, or the schema is newer than this program.
   */
  readonly failed: Promise<never>;
}

/** Enough for a database that is up, unless there is much to migrate. */
const PATIENCE_MS = 3_000;

/**
 * Migrates a database. Resolves when that is done, or else after some seconds: what cannot be reached yet is
 * waited for in the background, without an end.
 *
 * @throws {Error} when waiting is useless
 */
export async function migrateOrWait(
  database: Database,
  log: Logger,
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {},
): Promise<Migrated> {
  const stop = new AbortController();
  const failure = Promise.withResolvers<never>();
  failure.promise.catch(() => {}); // the caller may handle it later
  let done = false;
  let why = "its schema is being brought up to date";

  const migrating = repeat("database migration", { log, signal: stop.signal }, async () => {
    try {
      await migrate(database, log);
      done = true;
    } catch (error) {
      if (error instanceof DatabaseUnavailableError && !error.permanent) {
        why = error.why;
        throw error;
      }
      failure.reject(error);
    }
    stop.abort();
    return 0;
  });

  const patience = new AbortController();
  await Promise.race([migrating, failure.promise, pause(patienceMs, patience.signal)]).finally(() =>
    patience.abort()
  );

  async function attempt<T>(run: () => Promise<T>): Promise<T> {
    if (!done) {
      throw new DatabaseUnavailableError(
        "The database is not ready: the process has waited for it since its start",
        {
          why,
        },
      );
    }
    try {
      return await run();
    } catch (error) {
      throw MISSING.test(codeOf(error)) ? await explained(database, error) : error;
    }
  }

  return {
    database: {
      ...database,
      query: (sql, parameters) => attempt(() => database.query(sql, parameters)),
      read: (sql, parameters) => attempt(() => database.read(sql, parameters)),
      transaction: (run, options) => attempt(() => database.transaction(run, options)),
      ping: () => attempt(() => database.ping()),
    },
    failed: failure.promise,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await migrating;
    },
  };
}

/** A column, function or table that a statement names does not exist. */
const MISSING = /^(42703|42883|42P01)$/;

/** A newer program may have changed the schema since. */
async function explained(database: Queries, error: unknown): Promise<unknown> {
  const rows = await database.query<{ version: number }>(
    "select max(version) as version from schema_migrations",
  )
    .catch(() => []);
  const version = rows[0]?.version ?? 0;
  if (version <= NEWEST_MIGRATION) return error;
  return new DatabaseUnavailableError(
    `The schema is at version ${version}, this program knows ${NEWEST_MIGRATION}: start a newer version (${
      reason(error)
    })`,
    { cause: error, why: "its schema is newer than this program" },
  );
}
