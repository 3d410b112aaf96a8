/** Chooses the database: PostgreSQL where an address is configured, else PGlite in the data folder. */
import { join } from "node:path";
import type { Config } from "./config.ts";
import type { Database } from "./database.ts";
import { openPostgres } from "./postgres.ts";

/** Opens what the configuration names. PGlite opens at once and takes seconds; PostgreSQL connects on first use. */
export async function openDatabase(
  config: Pick<Config, "databaseUrl" | "databasePassword" | "dataDir">,
): Promise<Database> {
  const { databaseUrl: url, databasePassword: password, dataDir } = config;
  if (url === undefined) {
    const { openPglite } = await import("./pglite.ts"); // a process with PostgreSQL is spared its memory
    return await openPglite(join(dataDir, "database"));
  }
  return openPostgres({ url, ...(password === undefined ? {} : { password }) });
}
