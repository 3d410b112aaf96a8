import assert from "node:assert/strict";
import { DATABASES, openTestDatabase, testOnDatabases } from "../../tests/support/databases.ts";
import { DatabaseUnavailableError, migrate, UnstorableError } from "./database.ts";
import { createLogger } from "../telemetry/log.ts";

const logged: string[] = [];
const log = createLogger({ service: "test", write: (lines) => logged.push(lines) });

testOnDatabases("values go in and come out as they are", async (database) => {
  const [row] = await database.query(
    "select $1::text as text, $2::int as int, $3::boolean as yes, $4::text as nothing, $5::text::jsonb as json, " +
      "2.5::float8 as float, now() as now",
    ["ü'\"\\", 7, true, null, `{"a": [1]}`],
  );
  const { now, ...rest } = row!;
  assert.ok(now instanceof Date);
  assert.deepEqual(rest, { text: "ü'\"\\", int: 7, yes: true, nothing: null, json: { a: [1] }, float: 2.5 });
});

testOnDatabases(
  "a transaction that throws leaves nothing, one that does not leaves all",
  async (database) => {
    const insert = "insert into dead_letters (value, reason) values ('v', 'r')";
    await assert.rejects(
      database.transaction(async (tx) => {
        await tx.query(insert);
        throw new RangeError("no");
      }),
      RangeError,
    );
    assert.equal((await database.query("select from dead_letters")).length, 0);
    assert.equal(await database.transaction((tx) => tx.query(insert).then(() => "done")), "done");
    assert.equal((await database.query("select from dead_letters")).length, 1);
  },
);

for (
  const [what, sql, parameters] of [
    ["a NUL in JSON", "select ($1::text::jsonb)->>'a'", [`{"a": "\\u0000"}`]],
    ["text that is no uuid", "select $1::text::uuid", ["no uuid"]],
    ["a number out of range", "select $1::text::int", ["99999999999"]],
    ["a null where none may be", "insert into dead_letters (value, reason) values ('v', $1)", [null]],
    [
      "a status that there is not",
      "insert into thoughts (id, user_id, text, status) values ($1::text::uuid, 'a', 't', 'odd')",
      [
        crypto.randomUUID(),
      ],
    ],
  ] as const
) {
  testOnDatabases(`${what} is unstorable: trying again would fail again`, async (database) => {
    await assert.rejects(database.query(sql, parameters), UnstorableError);
    await database.query("select 1");
  });
}

testOnDatabases("a mistake in a statement is neither unstorable nor an outage", async (database) => {
  await assert.rejects(
    database.query("select nothing from nowhere"),
    (error) => !(error instanceof UnstorableError) && !(error instanceof DatabaseUnavailableError),
  );
});

testOnDatabases("migrating once more changes nothing and says nothing", async (database) => {
  const applied = () => database.query("select version from schema_migrations order by version");
  const before = (await applied()).length;
  logged.length = 0;
  await migrate(database, log);
  log.flush();
  assert.deepEqual([(await applied()).length, logged], [before, []]);
  assert.ok(before > 0);
});

testOnDatabases("a database newer than this program is refused, with both versions", async (database) => {
  await database.query("insert into schema_migrations (version) values (999)");
  await assert.rejects(
    migrate(database, log),
    /schema is at version 999, this program knows \d+\. Start a newer/,
  );
  await database.query("delete from schema_migrations where version = 999");
});

testOnDatabases(
  "a claim can be a heap-only update: no index speaks of a column that it changes",
  async (database) => {
    const indexes = await database.query<{ indexdef: string }>(
      "select indexdef from pg_indexes where tablename = 'thoughts'",
    );
    assert.ok(indexes.length >= 4);
    for (const { indexdef } of indexes) assert.doesNotMatch(indexdef, /\b(status|attempts|claimed_until)\b/);
  },
);

Deno.test({
  name: "processes that start together migrate once",
  ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    await database.query("drop schema public cascade");
    await database.query("create schema public");
    logged.length = 0;
    await Promise.all(Array.from({ length: 4 }, () => migrate(database, log)));
    log.flush();
    const versions = logged.join("").match(/"version":\d+/g)!;
    assert.equal(new Set(versions).size, versions.length, "each applied by one");
    assert.ok(versions.length > 0);
  },
});
