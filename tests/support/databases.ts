/** Databases for tests: always PGlite in memory, and PostgreSQL where TEST_DATABASE_URL names a server. */
import { type Database, migrate } from "../../core/store/database.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { openPglite } from "../../core/store/pglite.ts";
import { openPostgres } from "../../core/store/postgres.ts";
import { freshDatabase, required } from "./services.ts";

const serverUrl = Deno.env.get("TEST_DATABASE_URL");
const quiet = createLogger({ service: "test", write: () => {} });

/** Each kind of database; PostgreSQL is skipped without a server, or fails where services are required. */
export const DATABASES = [
  { kind: "pglite", ignore: false },
  { kind: "postgres", ignore: serverUrl === undefined && !required },
] as const;

/** A new and empty database, migrated; disposing it leaves nothing behind. */
export async function openTestDatabase(kind: "pglite" | "postgres"): Promise<Database> {
  if (kind === "pglite") {
    const database = await openPglite();
    await migrate(database, quiet);
    return database;
  }
  const fresh = await freshDatabase(serverUrl!);
  const database = openPostgres({ url: fresh.url });
  await migrate(database, quiet);
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
    },
  };
}

/** A test on each kind. The tests of a file share one database of each, emptied before every test. */
export function testOnDatabases(name: string, run: (database: Database) => Promise<void>): void {
  for (const { kind, ignore } of DATABASES) {
    Deno.test({
      name: `${name} (${kind}${ignore ? ", skipped: no TEST_DATABASE_URL" : ""})`,
      ignore,
      fn: () => runOn(kind, run),
    });
  }
}

/** A test that can use either kind: PostgreSQL if there is a server, since PGlite takes seconds to start. */
export function testOnDatabase(name: string, run: (database: Database) => Promise<void>): void {
  Deno.test(name, () => runOn(serverUrl === undefined ? "pglite" : "postgres", run));
}

async function runOn(kind: "pglite" | "postgres", run: (database: Database) => Promise<void>): Promise<void> {
  if (!shared.has(kind)) shared.set(kind, openTestDatabase(kind));
  const database = await shared.get(kind)!;
  await database.query(
    "truncate thoughts, outbox, outbox_floors, cache_evictions, dead_letters, pauses, webhooks, webhook_deliveries",
  );
  await run(database);
}

const shared = new Map<string, Promise<Database>>();

Deno.test.afterAll(async () => {
  for (const database of shared.values()) await (await database)[Symbol.asyncDispose]();
});
