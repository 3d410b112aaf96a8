/** PGlite: PostgreSQL in WebAssembly inside the process, in a folder; used when no database is configured. */
import { PGlite, type Transaction } from "@electric-sql/pglite";
import { type Database, DatabaseUnavailableError, type Parameter, type Queries } from "./database.ts";
import { repeat } from "../retry.ts";
import { createLogger, type Logger, reason } from "../telemetry/log.ts";
import { LOOKUPS } from "./plans.ts";
import { codeOf, toDatabaseError } from "./sqlstate.ts";

export interface PgliteOptions {
  /** Created on first use. @default in memory */
  readonly folder?: string;
  readonly log?: Logger;
  /** Pause between two checks for rows to vacuum, in milliseconds. @default 10_000 */
  readonly vacuumEveryMs?: number;
}

/** PGlite's major version of PostgreSQL: it cannot read folders of others. */
export const MAJOR_VERSION = "18";

const DISK_FULL = "53100";
/** As much as a few statements write. */
const PROBE_BYTES = 1_048_576;

/** A quarter of PGlite's default: as memory of WebAssembly it stays resident once it was used. */
const SHARED_BUFFERS = "32MB";

/** Opens a database. Takes seconds. */
export async function openPglite(options: PgliteOptions = {}): Promise<Database> {
  const { folder, log = createLogger({ service: "database", level: "WARN" }), vacuumEveryMs = 10_000 } =
    options;
  const lock = folder === undefined ? undefined : await lockFolder(folder);
  const db = await start(folder).catch((error) => {
    lock?.close();
    throw error;
  });
  let statements = 0;
  /** The error of the last write, if that found the disk full. */
  let full: unknown;

  async function run<R>(
    on: Pick<PGlite | Transaction, "query">,
    sql: string,
    parameters: readonly Parameter[] = [],
  ): Promise<R[]> {
    statements++;
    try {
      return (await on.query<R>(sql, [...parameters])).rows;
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) {
        throw new DatabaseUnavailableError("The embedded database has crashed: start again", {
          cause: error,
          why: "it has crashed",
        });
      }
      const explained = toDatabaseError(error, "The embedded database");
      if (codeOf(error) === DISK_FULL) full = explained;
      throw explained;
    }
  }

  /** Reads succeed on a full disk, so once a write has failed there, room is looked for on the disk itself. */
  async function ping(): Promise<void> {
    await run(db, "select 1");
    if (full === undefined || folder === undefined) return;
    const probe = `${folder}.probe`;
    try {
      await Deno.writeFile(probe, new Uint8Array(PROBE_BYTES));
      full = undefined;
    } catch {
      throw full;
    } finally {
      await Deno.remove(probe).catch(() => {});
    }
  }

  const stop = new AbortController();
  const vacuuming = runVacuum({
    db,
    log,
    signal: stop.signal,
    everyMs: vacuumEveryMs,
    count: () => statements,
  });

  return {
    name: folder ?? "memory",
    query: (sql, parameters) => run(db, sql, parameters),
    read: (sql, parameters) => run(db, sql, parameters),
    ping,
    transaction: <T>(body: (queries: Queries) => Promise<T>) =>
      db.transaction((tx) => body({ query: (sql, parameters) => run(tx, sql, parameters) })),
    listen(channel, onNotify) {
      const listening = db.listen(channel, onNotify);
      listening.catch(() => {}); // the database is closed already
      return {
        active: () => true,
        [Symbol.asyncDispose]: () => listening.then((unlisten) => unlisten()).catch(() => {}),
      };
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await vacuuming;
      await db.close();
      lock?.close();
    },
  };
}

interface VacuumOptions {
  readonly db: PGlite;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly everyMs: number;
  /** Statements run so far. */
  readonly count: () => number;
}

/** More statements than this in a second, and the database is busy. */
const BUSY_PER_S = 100;
/**
 * A database that is always busy is still vacuumed once in this many checks: otherwise it only gets slower.
 */
const MOST_SKIPPED = 30;
const DEAD_TABLES = `
  select relname::text as name from pg_stat_user_tables
  where n_dead_tup > 1000 and n_dead_tup > n_live_tup / 5`;

/**
 * Does the work of autovacuum, which PGlite lacks: only while little happens, since it blocks everything
 * else.
 */
function runVacuum({ db, log, signal, everyMs, count }: VacuumOptions): Promise<void> {
  let before = count();
  let skipped = 0;
  return repeat("vacuum", { log, signal }, async () => {
    const perSecond = (count() - before) * 1_000 / everyMs;
    before = count();
    if (perSecond > BUSY_PER_S && ++skipped < MOST_SKIPPED) return everyMs;
    skipped = 0;
    for (const { name } of (await db.query<{ name: string }>(DEAD_TABLES)).rows) {
      if (signal.aborted) break;
      await db.exec(`vacuum (analyze) "${name}"`);
      log.debug("vacuumed", { table: name });
    }
    return everyMs;
  });
}

async function start(folder: string | undefined): Promise<PGlite> {
  const settings = { shared_buffers: SHARED_BUFFERS, ...LOOKUPS };
  const startParams = [
    ...PGlite.defaultStartParams,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  if (folder === undefined) return await PGlite.create({ startParams });
  const version = await Deno.readTextFile(`${folder}/PG_VERSION`).then(
    (text) => text.trim(),
    () => undefined,
  );
  if (version !== undefined && version !== MAJOR_VERSION) {
    throw new Error(
      `Cannot open ${folder}: PostgreSQL ${version} made it, and this program has ${MAJOR_VERSION}. Set DATA_DIR to a ` +
        "new folder, or start the version of this program that made it.",
    );
  }
  try {
    return await PGlite.create({ dataDir: folder, startParams });
  } catch (error) {
    throw new Error(
      `Cannot open ${folder} (${
        reason(error)
      }). Is its disk full? If not, it is damaged: restore a backup, or set ` +
        "DATA_DIR to a new folder.",
      { cause: error },
    );
  }
}

/**
 * PGlite does not notice a second process on the same folder, and both would ruin it; so a lock beside it
 * marks its owner. The system releases it when the process ends, for whatever reason.
 */
async function lockFolder(folder: string): Promise<Deno.FsFile> {
  const file = await openLock(folder);
  if (await file.tryLock(true)) return file;
  file.close();
  throw new Error(
    `Cannot open ${folder}: another process uses it. Stop that one, or set DATA_DIR to another folder.`,
  );
}

async function openLock(folder: string): Promise<Deno.FsFile> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    return await Deno.open(`${folder}.lock`, { create: true, write: true });
  } catch (error) {
    throw new Error(
      `Cannot write to ${folder} (${
        (error as Error).name
      }). Set DATA_DIR to a folder of this user, and start with ` +
        "`deno task dev`, which lets the program write there and nowhere else.",
      { cause: error },
    );
  }
}
