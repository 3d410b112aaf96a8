/** Databases of earlier versions, and of later ones. */
import assert from "node:assert/strict";
import { DATABASES, testOnDatabases } from "../../tests/support/databases.ts";
import { makeEarlierSchema, storeEarlierThoughts, VERSIONS } from "../../tests/support/earlier_schema.ts";
import { freshDatabase } from "../../tests/support/services.ts";
import { createLogger } from "../telemetry/log.ts";
import { type Database, migrate, NEWEST_MIGRATION } from "./database.ts";
import { openPglite } from "./pglite.ts";
import { openPostgres } from "./postgres.ts";
import { createStore } from "./thoughts.ts";

const logged: string[] = [];
const log = createLogger({ service: "test", write: (lines) => void logged.push(lines) });

/** What a database of this version holds can be read once it is migrated, and what waits is in the outbox. */
async function upgrade(database: Database, version: number): Promise<void> {
  await makeEarlierSchema(database, version);
  const { unfinished, completed, failed } = await storeEarlierThoughts(database, version);
  await migrate(database, log);
  const store = createStore(database);
  assert.equal(await store.waiting(100), unfinished.length, `version ${version}`);
  assert.ok((await store.get(completed))?.result?.analysis.summary);
  assert.equal((await store.get(failed))?.error, "no answer");
  assert.equal((await store.list({ status: "completed", limit: 10 })).thoughts.length, 1);
  const [outbox] = await database.query<{ n: number }>("select count(*)::int as n from outbox");
  assert.equal(outbox!.n, 2);
}

Deno.test({
  name: "every earlier schema, with its thoughts, is brought up to date",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    assert.equal(VERSIONS.at(-1), NEWEST_MIGRATION, "each file is applied");
    for (const version of VERSIONS.slice(0, -1)) {
      await using fresh = await freshDatabase(Deno.env.get("TEST_DATABASE_URL")!);
      await using database = openPostgres({ url: fresh.url, poolSize: 1 });
      await upgrade(database, version);
    }
  },
});

Deno.test("the oldest schema is brought up to date on an embedded store too", async () => {
  await using database = await openPglite();
  await upgrade(database, VERSIONS[0]!);
});

testOnDatabases("each file of the migrations is applied, in the order of its number", async (database) => {
  const rows = await database.query<{ version: number }>("select version from schema_migrations order by 1");
  assert.deepEqual(rows.map(({ version }) => version), VERSIONS);
});

testOnDatabases(
  "a program works with a newer schema that says so, as after a roll-back, and refuses any other",
  async (database) => {
    const newer = (oldestProgram: number) =>
      database.query("insert into schema_migrations (version, oldest_program) values (999, $1)", [
        oldestProgram,
      ]);
    const forgotten = () => database.query("delete from schema_migrations where version = 999");
    logged.length = 0;
    await newer(NEWEST_MIGRATION);
    await migrate(database, log);
    log.flush();
    assert.match(logged.join(""), /newer than this program, which works with it.*"version":999/);
    await forgotten();

    await newer(NEWEST_MIGRATION + 1);
    await assert.rejects(migrate(database, log), /schema is at version 999, this program knows \d+\. Start/);
    await forgotten();
  },
);
