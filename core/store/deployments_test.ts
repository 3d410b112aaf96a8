/**
 * Several deployments on one server, and one address with several servers: separate names, and a primary that
 * moves.
 */
import assert from "node:assert/strict";
import { startOwnPostgres } from "../../tests/faults/own_postgres.ts";
import { hasPgBouncer, startPgBouncer } from "../../tests/support/pgbouncer.ts";
import { freshDatabase, testOnServices } from "../../tests/support/services.ts";
import { aThought } from "../../tests/support/thoughts.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { createLogger } from "../telemetry/log.ts";
import { migrate } from "./database.ts";
import { openPostgres } from "./postgres.ts";
import { createStore } from "./thoughts.ts";

const log = createLogger({ service: "test", write: () => {} });

testOnServices("two deployments on one database see nothing of each other", async ({ databaseUrl }) => {
  await using fresh = await freshDatabase(databaseUrl);
  await using one = openPostgres({ url: fresh.url, schema: "one" });
  await using two = openPostgres({ url: `${fresh.url}?schema=two`, schema: "not_this" });
  for (const database of [one, two]) await migrate(database, log);
  const thought = aThought();
  await createStore(one).insert([thought]);
  assert.equal((await createStore(one).get(thought.id))?.id, thought.id);
  assert.equal(await createStore(two).get(thought.id), null);
  const schemas = await one.query<{ name: string }>(
    "select table_schema::text as name from information_schema.tables where table_name = 'thoughts' order by 1",
  );
  assert.deepEqual(schemas.map(({ name }) => name), ["one", "two"]);
});

Deno.test({
  name: "behind a pooler a deployment's schema is the role's; where it is not, that is said",
  ignore: !hasPgBouncer || Deno.env.get("TEST_DATABASE_URL") === undefined,
  async fn() {
    await using fresh = await freshDatabase(Deno.env.get("TEST_DATABASE_URL")!);
    await using pooler = await startPgBouncer(fresh.url, { mode: "transaction" });
    await using database = openPostgres({ url: pooler.url, schema: "one" });
    await assert.rejects(
      migrate(database, log),
      /Cannot use the schema one: statements go to public.*alter role/,
    );
  },
});

testOnServices(
  "with several hosts in the address, writes go to the one that takes them, also after a failover",
  async () => {
    await using primary = await startOwnPostgres({});
    await using replica = await startOwnPostgres({ copyOf: primary.url });
    const address = (...servers: { readonly url: string }[]) =>
      `postgres://postgres@${servers.map(({ url }) => new URL(url).host).join(",")}/postgres`;
    await using database = openPostgres({ url: address(replica, primary) });
    await migrate(database, log);
    const store = createStore(database);
    const before = aThought();
    await store.insert([before]);
    await using standby = openPostgres({ url: replica.url });
    await waitFor(
      "replication",
      () => createStore(standby).get(before.id).then((found) => found !== null, () => false),
    );
    await assert.rejects(standby.ping(), { why: "read-only" });

    await primary[Symbol.asyncDispose]();
    await standby.query("select pg_promote(false)");
    const after = aThought();
    await waitFor("writes to go on", () => store.insert([after]).then(() => true, () => false));
    assert.equal((await store.get(before.id))?.id, before.id);
    assert.equal((await store.get(after.id))?.id, after.id);
  },
);
