/** PGlite: PostgreSQL in WebAssembly inside the process, in a folder; what runs when no database is given. */
import { PGlite } from "@electric-sql/pglite";
import type { Database, Parameter, Queries } from "./database.ts";
import { toDatabaseError } from "./sqlstate.ts";

/** Opens, and on first use makes, a database in a folder; `undefined` keeps it in memory. Takes seconds. */
export async function openPglite(folder?: string): Promise<Database> {
  const lock = folder === undefined ? undefined : await lockFolder(folder);
  const db = await PGlite.create(folder === undefined ? {} : { dataDir: folder });

  async function run<R>(
    on: Pick<PGlite, "query">,
    sql: string,
    parameters: readonly Parameter[] = [],
  ): Promise<R[]> {
    try {
      return (await on.query<R>(sql, [...parameters])).rows;
    } catch (error) {
      throw toDatabaseError(error, "The embedded database");
    }
  }

  return {
    name: folder ?? "memory",
    query: (sql, parameters) => run(db, sql, parameters),
    read: (sql, parameters) => run(db, sql, parameters),
    ping: () => run(db, "select 1").then(() => {}),
    transaction: <T>(body: (queries: Queries) => Promise<T>) =>
      db.transaction((tx) =>
        body({ query: (sql, parameters) => run(tx as unknown as PGlite, sql, parameters) })
      ),
    async [Symbol.asyncDispose]() {
      await db.close();
      lock?.close();
    },
  };
}

/**
 * PGlite does not notice a second process on the same folder, and both would ruin it; so a lock beside it says whose
 * it is. The system lets go of it when the process ends, however that comes about.
 */
async function lockFolder(folder: string): Promise<Deno.FsFile> {
  await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
  const file = await Deno.open(`${folder}.lock`, { create: true, write: true });
  if (await file.tryLock(true)) return file;
  file.close();
  throw new Error(
    `Cannot open ${folder}: another process uses it. Stop that one, or set DATA_DIR to another folder.`,
  );
}
