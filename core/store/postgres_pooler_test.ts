/** PostgreSQL behind PgBouncer, in both of its modes: what most providers of databases hand out. */
import assert from "node:assert/strict";
import { DATABASES } from "../../tests/support/databases.ts";
import { hasPgBouncer, startPgBouncer } from "../../tests/support/pgbouncer.ts";
import { freshDatabase } from "../../tests/support/services.ts";
import { createLogger } from "../telemetry/log.ts";
import { DatabaseUnavailableError, migrate } from "./database.ts";
import { openPostgres } from "./postgres.ts";
import { createStore } from "./thoughts.ts";

const serverUrl = Deno.env.get("TEST_DATABASE_URL")!;
const log = createLogger({ service: "test", write: () => {} });
const ignore = !hasPgBouncer || DATABASES.find(({ kind }) => kind === "postgres")!.ignore;

for (const mode of ["session", "transaction"] as const) {
  for (
    const [told, parameters] of [["found out", ""], ["told", "?pgbouncer=true&connection_limit=3"]] as const
  ) {
    Deno.test({
      name:
        `a pooler in ${mode} mode, ${told}, takes the migrations, many statements at once, and transactions`,
      ignore,
      async fn() {
        await using fresh = await freshDatabase(serverUrl);
        await using pooler = await startPgBouncer(fresh.url, { mode });
        await using database = openPostgres({ url: pooler.url + parameters });
        await migrate(database, log);
        const store = createStore(database);
        await Promise.all(Array.from({ length: 40 }, async (_, at) => {
          const id = crypto.randomUUID();
          await store.insert([thought(id, `user ${at}`)]);
          assert.equal((await store.get(id))?.userId, `user ${at}`);
        }));
        const counted = await database.transaction((tx) =>
          tx.query<{ n: number }>("select count(*)::int n from thoughts")
        );
        assert.equal(counted[0]!.n, 40);
      },
    });
  }

  Deno.test({
    name: `behind a pooler in ${mode} mode a statement that takes too long is cancelled, and others go on`,
    ignore,
    async fn() {
      await using pooler = await startPgBouncer(serverUrl, { mode });
      await using database = openPostgres({ url: pooler.url, statementTimeoutMs: 50, readTimeoutMs: 50 });
      const token = crypto.randomUUID();
      for (const ask of [database.query, database.read]) {
        await assert.rejects(ask(`select pg_sleep(60), '${token}'`), DatabaseUnavailableError);
        assert.equal((await ask("select 1 as one"))[0]!.one, 1);
      }
      await using direct = openPostgres({ url: serverUrl });
      const running = await direct.query(
        "select from pg_stat_activity where state = 'active' and pid <> pg_backend_pid() and query like $1",
        [`%${token}%`],
      );
      assert.equal(running.length, 0, "the server goes on with none of them");
    },
  });
}

function thought(id: string, userId: string) {
  return {
    id,
    userId,
    text: "A thought",
    context: null,
    idempotencyKey: null,
    requestHash: null,
    priority: "interactive" as const,
    flow: "",
    traceparent: null,
  };
}
