/** PostgreSQL, by the `postgres` package; a pooler such as PgBouncer may stand before it. */
import {
  type Database,
  DatabaseUnavailableError,
  type Parameter,
  type Queries,
  UnstorableError,
} from "./database.ts";
import { codeOf, toDatabaseError } from "./sqlstate.ts";
import { parsePostgresAddress, type PostgresAddress } from "./postgres_address.ts";
import { LOOKUPS } from "./plans.ts";
import { listen } from "./postgres_notifications.ts";
import { createPool, type Line, openLine, type Pool } from "./postgres_pool.ts";
import { DeadlineError, within } from "../deadline.ts";
import { readNamedFile } from "../named_file.ts";
import { backoffMs, pause } from "../retry.ts";

export interface PostgresOptions {
  /** `postgres://user@host:5432/database`; a password and parameters may be in it. */
  readonly url: string;
  /** Used if the address has none. */
  readonly password?: string;
  /** Schema of the tables, if the address names none. @default that of the server's `search_path` */
  readonly schema?: string;
  /** Connections of this process for writes and transactions. @default 4 */
  readonly poolSize?: number;
  /**
   * Connections for reads. Seven processes, each with one that listens, stay below the 50 that would warn.
   * @default 2
   */
  readonly readPoolSize?: number;
  /** A write is cancelled after this. @default 10_000 */
  readonly statementTimeoutMs?: number;
  /** A read is cancelled after this. @default 5_000 */
  readonly readTimeoutMs?: number;
}

/**
 * The server cancels a statement itself at its limit; where a pooler hides the limit, we cancel it this much
 * later.
 */
const CANCEL_AFTER_MS = 250;
/** This long after the limit the server counts as silent, and its connection is abandoned. */
const GRACE_MS = 2_000;
/** Deadlocks and conflicts of one statement or transaction, which is retried after each. */
const MOST_CONFLICTS = 5;

/**
 * Opens two pools, one for writes and one for reads: slow reads do not take the writes' connections. Nothing
 * is connected until the first query.
 *
 * @throws {AddressError} when the address cannot be used
 */
export function openPostgres(options: PostgresOptions): Database {
  const address = parsePostgresAddress(options.url);
  const { statementTimeoutMs = 10_000, readTimeoutMs = 5_000 } = options;
  const { password = options.password, schema = options.schema, connectionLimit } = address;
  let { poolSize = 4, readPoolSize = 2 } = options;
  if (connectionLimit !== undefined && connectionLimit < poolSize + readPoolSize) {
    readPoolSize = Math.floor(connectionLimit / 3);
    poolSize = connectionLimit - readPoolSize;
  }
  /**
   * A pooler accepts none of our start-up settings, and may lose a statement's name: detected by its refusal.
   */
  let pooled = address.pooled;

  const application_name = address.applicationName ?? "thought-processor";
  const open = (size: number, limitMs: number, plans: Readonly<Record<string, string>>) =>
    createPool({
      address,
      size,
      password,
      tls: tlsOptions(address),
      waitMs: limitMs,
      settings: () => ({
        application_name,
        ...(pooled ? {} : { statement_timeout: limitMs, ...plans }),
        ...(pooled || schema === undefined ? {} : { search_path: `"${schema}"` }),
      }),
    });
  const writes = open(poolSize, statementTimeoutMs, KEPT_PLANS);
  const reads = readPoolSize === 0 ? writes : open(readPoolSize, readTimeoutMs, FRESH_PLANS);
  const renew = () => [writes, reads].forEach((pool) => pool.renew());

  /** The error of a write that found the disk full, until there is room. */
  let full: unknown;

  /** What an error says about the server and the connections, besides its statement. */
  function learnFrom(error: unknown): void {
    if (codeOf(error) === DISK_FULL) full = error;
    if (!pooled && isPoolersRefusal(error)) {
      pooled = true;
      renew();
    }
    if (codeOf(error) === READ_ONLY) renew(); // the former primary is a replica now; its name may resolve elsewhere
  }

  /** Runs a single statement; retries one that was undone by a conflict, or not begun. */
  async function statement<R>(pool: Pool, limitMs: number, sql: string, parameters?: readonly Parameter[]) {
    for (let conflicts = 0;;) {
      const wasPooled = pooled;
      try {
        return await pool.use((line) => run<R>(line, { sql, parameters, limitMs, named: !pooled }));
      } catch (error) {
        learnFrom(error);
        if (pooled !== wasPooled) continue;
        if (!isConflict(error) || ++conflicts > MOST_CONFLICTS) throw translate(error);
        await pauseAfter(conflicts);
      }
    }
  }

  async function transact<T>(
    line: Line,
    body: (queries: Queries) => Promise<T>,
    limitMs: number,
  ): Promise<T> {
    let failed: { readonly error: unknown } | undefined;
    async function query<R>(sql: string, parameters?: readonly Parameter[]): Promise<R[]> {
      try {
        return await run<R>(line, { sql, parameters, limitMs, named: !pooled });
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
      learnFrom(failed?.error);
      // A doubtful connection is abandoned, which rolls back too.
      if (!line.closed()) {
        await run(line, { sql: "rollback", limitMs: GRACE_MS, named: false }).catch(line.drop);
      }
      throw error;
    }
  }

  const transaction: Database["transaction"] = async (
    body,
    { limitMs = 2 * statementTimeoutMs, repeatable = false } = {},
  ) => {
    const once = () =>
      writes.use(async (line) => {
        const work = transact(line, body, Math.min(limitMs, MOST_MS));
        try {
          return await (limitMs === Infinity ? work : within(limitMs, "PostgreSQL", work));
        } catch (error) {
          if (error instanceof DeadlineError) line.drop();
          throw error;
        }
      });
    for (let conflicts = 0;;) {
      const wasPooled = pooled;
      try {
        return await once();
      } catch (error) {
        learnFrom(error);
        // The first statement is `begin`: what the pooler refuses at the start has run nothing yet.
        if (pooled !== wasPooled) continue;
        const conflict = repeatable &&
          (isConflict(error) || error instanceof Error && isConflict(error.cause));
        if (!conflict || ++conflicts > MOST_CONFLICTS) throw translate(error);
        await pauseAfter(conflicts);
      }
    }
  };

  /** Reads succeed on a full disk, so once a write has failed there, a file that is gone afterwards is written. */
  async function lookForRoom(): Promise<void> {
    await transaction(async (tx) => {
      await tx.query("set local work_mem = '64kB'");
      await tx.query(SPILL);
    });
    full = undefined;
  }

  return {
    name: address.name,
    schema,
    query: (sql, parameters) => statement(writes, statementTimeoutMs, sql, parameters),
    read: (sql, parameters) => statement(reads, readTimeoutMs, sql, parameters),
    transaction,
    async ping() {
      const [state] = await statement<{ transaction_read_only: string }>(
        writes,
        statementTimeoutMs,
        "show transaction_read_only",
      );
      if (state!.transaction_read_only === "off") {
        if (full !== undefined) await lookForRoom();
        return;
      }
      renew();
      throw new DatabaseUnavailableError("PostgreSQL takes no writes", { why: "read-only" });
    },
    listen: (channel, onNotify) =>
      listen({
        open: (onNotify) =>
          openLine({
            address,
            password,
            tls: tlsOptions(address),
            settings: () => ({ application_name }),
            onNotify,
          }),
        channel,
        onNotify,
        // A limited number of connections has none to spare.
        possible: () => !pooled && connectionLimit === undefined,
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([writes[Symbol.asyncDispose](), reads[Symbol.asyncDispose]()]);
    },
  };
}

/** Planned once. Unnamed statements, as through a pooler, are planned each time. */
const KEPT_PLANS = { plan_cache_mode: "force_generic_plan", ...LOOKUPS };
/** Listings differ too much in their parameters; counts may scan. */
const FRESH_PLANS = { plan_cache_mode: "force_custom_plan", ...LOOKUPS, enable_seqscan: "on" };

const pauseAfter = (conflicts: number) => pause(backoffMs(conflicts, { firstMs: 5, maxMs: 100 }));

/** The longest a timer waits. */
const MOST_MS = 2 ** 31 - 1 - GRACE_MS;

interface Statement {
  readonly sql: string;
  readonly parameters?: readonly Parameter[] | undefined;
  /** Cancelled after this. */
  readonly limitMs: number;
  /** Whether the server keeps the statement's plan under a name. */
  readonly named: boolean;
}

/** Runs a statement on a connection, which is abandoned if its next result could not be trusted. */
async function run<R>(line: Line, { sql, parameters = [], limitMs, named }: Statement): Promise<R[]> {
  // It would reconnect, and run outside its transaction.
  if (line.closed()) throw new DatabaseUnavailableError("PostgreSQL: the connection broke");
  const rows: R[] = [];
  const query = line.sql.unsafe(sql, [...parameters], { prepare: named });
  const cancelling = setTimeout(() => cancel(query), limitMs + CANCEL_AFTER_MS);
  try {
    // Collected here: a statement that fails among its rows leaves as many holes in the next result that the
    // library collects (postgres.js 3.4.9, issue 1181).
    const { count } = await within(
      limitMs + GRACE_MS,
      "PostgreSQL",
      query.forEach((row) => void rows.push(row as R)),
    );
    if (rows.length > 0 && rows.length !== (count ?? rows.length)) {
      throw new DatabaseUnavailableError(`PostgreSQL: ${rows.length} rows of a result of ${count} arrived`);
    }
    return rows;
  } catch (error) {
    if (!(translate(error) instanceof UnstorableError)) line.drop();
    throw error;
  } finally {
    clearTimeout(cancelling);
  }
}

/** As `query.cancel()`, which does not handle a server that is gone: the process would end. */
function cancel(query: object): void {
  const { canceller } = query as { canceller: ((query: object) => Promise<void>) | null };
  canceller?.(query).catch(() => {}); // the statement's own deadline comes soon
}

function tlsOptions({ tls, hosts }: PostgresAddress): "prefer" | "require" | Record<string, unknown> | false {
  const { mode, rootCertificate, certificate, key } = tls;
  if (mode === "disable") return false;
  if (mode === "prefer") return "prefer";
  const read = (name: string, path: string | undefined) =>
    path === undefined ? {} : { [name]: readNamedFile(path, "DATABASE_URL") };
  return {
    rejectUnauthorized: mode === "verify-full",
    host: hosts[0]!.host,
    ...read("ca", rootCertificate),
    ...read("cert", certificate),
    ...read("key", key),
  };
}

const READ_ONLY = "25006";
const DISK_FULL = "53100";

/** Has 1.4 MB written to the disk as a temporary file. */
const SPILL = "select count(*) from generate_series(1, 100000)";

/** Of deadlocks and serialisation: the statement was undone. */
const isConflict = (error: unknown) => /^40(001|P01)$/.test(codeOf(error));

/**
 * PgBouncer refuses start-up parameters; one in transaction mode loses named statements, or has two of one
 * name.
 */
function isPoolersRefusal(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /^(26000|42P05)$/.test(codeOf(error)) || /unsupported startup parameter/.test(error.message);
}

const translate = (error: unknown) => toDatabaseError(error, "PostgreSQL");
