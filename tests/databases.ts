/** Databases for tests: PGlite in memory always, and real PostgreSQL where TEST_DATABASE_URL names a server. */
import { type Database, migrate } from "../core/database.ts";
import { createLogger } from "../core/log.ts";
import { openPglite } from "../core/pglite.ts";
import { openPostgres } from "../core/postgres.ts";

const serverUrl = Deno.env.get("TEST_DATABASE_URL");
const quiet = createLogger({ service: "test", write: () => {} });

/** A new and empty database, migrated; disposing it leaves nothing behind. */
export async function openTestDatabase(kind: "pglite" | "postgres"): Promise<Database> {
  if (kind === "pglite") {
    const database = await openPglite();
    await migrate(database, quiet);
    return database;
  }
  const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
  await using server = openPostgres({ url: serverUrl!, poolSize: 1 });
  await server.query(`create database ${name}`);
  const url = new URL(serverUrl!);
  url.pathname = `/${name}`;
  const database = openPostgres({ url: url.href });
  await migrate(database, quiet);
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await using server = openPostgres({ url: serverUrl!, poolSize: 1 });
      await server.query(`drop database ${name} with (force)`);
    },
  };
}

/** The kinds that can be had here. Without a server the real one is skipped, which the test's name says. */
export const DATABASES = [
  { kind: "pglite", ignore: false },
  { kind: "postgres", ignore: serverUrl === undefined },
] as const;
