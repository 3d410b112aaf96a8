/**
 * One query interface over PostgreSQL and, when no address is configured, PGlite inside the process.
 */
import migration0001 from "./migrations/0001_thoughts.sql" with { type: "text" };
import migration0002 from "./migrations/0002_workers.sql" with { type: "text" };
import migration0003 from "./migrations/0003_lanes.sql" with { type: "text" };
import migration0004 from "./migrations/0004_gate.sql" with { type: "text" };
import migration0005 from "./migrations/0005_operator.sql" with { type: "text" };
import migration0006 from "./migrations/0006_stores.sql" with { type: "text" };
import migration0008 from "./migrations/0008_failure_reason.sql" with { type: "text" };
import migration0009 from "./migrations/0009_retention.sql" with { type: "text" };
import migration0010 from "./migrations/0010_outbox_collation.sql" with { type: "text" };
import migration0011 from "./migrations/0011_timeline.sql" with { type: "text" };
import migration0012 from "./migrations/0012_waiting.sql" with { type: "text" };
import migration0013 from "./migrations/0013_oldest_program.sql" with { type: "text" };
import migration0014 from "./migrations/0014_webhooks.sql" with { type: "text" };
import migration0015 from "./migrations/0015_outbox_floors.sql" with { type: "text" };
import { warnOfScans } from "./plans.ts";
import type { Logger } from "../telemetry/log.ts";
import { UnavailableError, type UnavailableOptions } from "../unavailable.ts";

export type Row = Record<string, unknown>;
/**
 * Pass arrays and objects as JSON text or an array literal, cast in the statement: both adapters then agree.
 */
export type Parameter = string | number | boolean | null;

export interface Queries {
  /** Runs one statement; `$1`, `$2` … are its parameters. */
  query<R = Row>(sql: string, parameters?: readonly Parameter[]): Promise<R[]>;
}

export interface Database extends Queries, AsyncDisposable {
  /** Which store this is, to show: an address without its password, or a folder. */
  readonly name: string;
  /** The schema of the tables; undefined where the server chooses it. */
  readonly schema?: string | undefined;
  /**
   * Runs a statement that only reads. Reads have their own connections and a shorter time limit: slow ones do
   * not delay writes.
   */
  read<R = Row>(sql: string, parameters?: readonly Parameter[]): Promise<R[]>;
  /** Runs statements in one transaction; rolled back when the function throws. */
  transaction<T>(run: (queries: Queries) => Promise<T>, options?: TransactionOptions): Promise<T>;
  /**
   * Resolves when the database takes writes.
   *
   * @throws {DatabaseUnavailableError} saying why it does not
   */
  ping(): Promise<void>;
  /**
   * Calls back when a transaction that notified a channel has committed, and whenever one may have been
   * missed. It is a hint: where no notifications arrive, as through a pooler, or just then, it stays silent.
   */
  listen(channel: string, onNotify: () => void): Notifications;
}

export interface Notifications extends AsyncDisposable {
  /** Whether notifications arrive now. */
  active(): boolean;
}

export interface TransactionOptions {
  /** The limit of the whole transaction, in milliseconds. @default twice a statement's limit */
  readonly limitMs?: number;
  /**
   * Whether the function only queries, so that it can run again after a deadlock or a conflict, which undid it.
   * @default false
   */
  readonly repeatable?: boolean;
}

/**
 * Thrown when the database cannot be reached, refuses writes, or does not respond in time: worth retrying
 * later.
 */
export class DatabaseUnavailableError extends UnavailableError {
  override readonly name = "DatabaseUnavailableError";
  /** True if waiting is useless: an operator has to change the login or the database first. */
  readonly permanent: boolean;

  constructor(message: string, { permanent = false, ...options }: DatabaseUnavailableOptions = {}) {
    super(message, options);
    this.permanent = permanent;
  }
}

export interface DatabaseUnavailableOptions extends UnavailableOptions {
  readonly permanent?: boolean;
}

/** Thrown when a value can't be stored (SQLSTATE class 22 or 23): a retry would fail too. */
export class UnstorableError extends Error {
  override readonly name = "UnstorableError";
}

interface Migration {
  /** Ascending. A number that was left out (7) is never used: databases have gone past it. */
  readonly version: number;
  readonly sql: string;
  /**
   * The oldest program that works with the migrated schema, by the newest version it knows, so that it can be
   * rolled back to (docs/upgrade.md). @default only programs that know this version
   */
  readonly oldestProgram?: number;
}

const MIGRATIONS: readonly Migration[] = [
  { version: 1, sql: migration0001 },
  { version: 2, sql: migration0002 },
  { version: 3, sql: migration0003 },
  { version: 4, sql: migration0004 },
  { version: 5, sql: migration0005 },
  { version: 6, sql: migration0006 },
  { version: 8, sql: migration0008 },
  { version: 9, sql: migration0009 },
  { version: 10, sql: migration0010 },
  { version: 11, sql: migration0011 },
  { version: 12, sql: migration0012 },
  { version: 13, sql: migration0013, oldestProgram: 12 },
  { version: 14, sql: migration0014, oldestProgram: 12 },
  { version: 15, sql: migration0015, oldestProgram: 12 },
];

/** The newest version that this program knows. */
export const NEWEST_MIGRATION: number = MIGRATIONS.at(-1)!.version;

/** Any constant, as long as all processes use the same one. */
const MIGRATION_LOCK = 7_264_001;

/**
 * Brings the schema up to date. Processes that start together wait for one another on an advisory lock; each
 * migration runs once. There is no time limit: a large table, or another process's lock, may take long.
 *
 * @throws {Error} when the database is newer than this program, and does not name it as one that works with it
 */
export async function migrate(database: Database, log: Logger): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query("set local statement_timeout = 0");
    const [lock] = await tx.query<{ free: boolean }>("select pg_try_advisory_xact_lock($1) as free", [
      MIGRATION_LOCK,
    ]);
    if (!lock!.free) {
      log.info("another process is migrating the database, waiting for it");
      await tx.query("select pg_advisory_xact_lock($1)", [MIGRATION_LOCK]);
    }
    await requireSchema(tx, database.schema);
    await warnOfScans(tx, log);
    await tx.query(
      `create table if not exists schema_migrations
         (version int primary key, applied_at timestamptz not null default now(), oldest_program int)`,
    );
    // Before version 13 the column is missing.
    const applied = new Map(
      (await tx.query<{ version: number; oldest: number | null }>(
        "select version, (to_jsonb(m) ->> 'oldest_program')::int as oldest from schema_migrations m",
      )).map(({ version, oldest }) => [version, oldest]),
    );
    const newer = [...applied].filter(([version]) => version > NEWEST_MIGRATION);
    if (newer.length > 0) {
      const version = Math.max(...newer.map(([version]) => version));
      if (newer.some(([, oldest]) => oldest === null || oldest > NEWEST_MIGRATION)) {
        throw new Error(
          `Cannot use the database: its schema is at version ${version}, this program knows ${NEWEST_MIGRATION}. ` +
            "Start a newer version.",
        );
      }
      log.warn("the schema is newer than this program, which works with it", {
        version,
        known: NEWEST_MIGRATION,
      });
    }
    for (const { version, sql, oldestProgram } of MIGRATIONS) {
      if (applied.has(version)) continue;
      for (const statement of statements(sql)) await tx.query(statement);
      await tx.query("insert into schema_migrations (version) values ($1)", [version]);
      if (oldestProgram !== undefined) {
        await tx.query("update schema_migrations set oldest_program = $2 where version = $1", [
          version,
          oldestProgram,
        ]);
      }
      log.info("migration applied", { version });
    }
  }, { limitMs: Infinity });
}

/** Creates the schema of the tables, if one is named. Behind a pooler only the role can choose it. */
async function requireSchema(tx: Queries, schema: string | undefined): Promise<void> {
  if (schema === undefined) return;
  await tx.query(`create schema if not exists "${schema}"`);
  const [row] = await tx.query<{ current: string | null }>("select current_schema() as current");
  if (row!.current === schema) return;
  throw new Error(
    `Cannot use the schema ${schema}: statements go to ${
      row!.current
    }. Behind a pooler the role chooses it: ` +
      `alter role … set search_path = "${schema}"`,
  );
}

/** Splits a migration at semicolons that end a line; our migrations hold no function bodies. */
function statements(sql: string): string[] {
  return sql.split(/;\s*$/m).map((statement) => statement.trim()).filter((statement) => statement !== "");
}
