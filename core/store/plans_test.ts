/** No statement of the pipeline scans a table, whatever the planner believes about its size. */
import assert from "node:assert/strict";
import { DATABASES, openTestDatabase } from "../../tests/support/databases.ts";
import { freshDatabase } from "../../tests/support/services.ts";
import { aResult, aThought } from "../../tests/support/thoughts.ts";
import { type Claim, createClaims } from "./claims.ts";
import { createDeliveries } from "./deliveries.ts";
import { createStranded } from "./stranded.ts";
import { type Database, migrate } from "./database.ts";
import { openPostgres } from "./postgres.ts";
import { createLogger } from "../telemetry/log.ts";
import { createOperator } from "./operator.ts";
import { createOutbox } from "./outbox.ts";
import { createStore } from "./thoughts.ts";

const ignore = DATABASES.find(({ kind }) => kind === "postgres")!.ignore;
const RESULT = JSON.stringify(aResult());

/** Thoughts of many users through every statement of a worker, `size` at a time. */
async function work(database: Database, rounds: number, size: number): Promise<void> {
  const store = createStore(database);
  const outbox = createOutbox(database);
  const claims = createClaims(database, { leaseMs: 60_000, maxAttempts: 5 });
  const stranded = createStranded(database);
  for (let round = 0; round < rounds; round++) {
    await store.insert(Array.from({ length: size }, (_, at) => aThought({ userId: `user ${at % 97}` })));
    const ids: string[] = [];
    await outbox.take(size, (messages) => {
      ids.push(...messages.map(({ value }) => value));
      return Promise.resolve();
    });
    const claimed = await claims.claim(ids);
    assert.equal(claimed.length, size);
    await claims.renew(claimed);
    const [failing, completing] = [claimed.slice(0, size / 10), claimed.slice(size / 10)];
    await claims.complete(completing.map(({ id, attempt }) => ({ id, attempt, result: RESULT })));
    await claims.fail(failing.map(failure));
    await outbox.ripen(size);
    await stranded.look(null, 100, 0);
    await claims.hasSuspects();
  }
}

const failure = ({ id, attempt }: Claim) => ({
  id,
  attempt,
  error: "no answer",
  kind: "charged" as const,
  reason: "analyser_error",
  delayMs: 0,
});

interface RowsRead {
  /** By sequential scans. */
  readonly scanned: number;
  /** Entries of indexes, also by bitmap scans. */
  readonly found: number;
}

/** Rows of thoughts and outbox read so far. */
async function rowsRead(database: Database): Promise<RowsRead> {
  const [row] = await database.query<RowsRead>(
    `select sum(seq_tup_read)::float8 as scanned,
       sum((select sum(idx_tup_read) from pg_stat_user_indexes i where i.relid = t.relid))::float8 as found
     from pg_stat_user_tables t where relname in ('thoughts', 'outbox', 'outbox_floors', 'webhook_deliveries')`,
  );
  return row!;
}

/** Connections by default: each counts for itself, and reports later. */
const CONNECTIONS = { query: 4, read: 2 };

/** Rows that a piece of work reads. */
async function readBy(database: Database, run: () => Promise<unknown>): Promise<RowsRead> {
  const settled = async () => {
    // At the same time, so that each connection takes one.
    const flush = (kind: "query" | "read") =>
      Array.from({ length: CONNECTIONS[kind] }, () => database[kind]("select pg_stat_force_next_flush()"));
    await Promise.all([...flush("query"), ...flush("read")]);
    return await rowsRead(database);
  };
  const before = await settled();
  await run();
  const after = await settled();
  return { scanned: after.scanned - before.scanned, found: after.found - before.found };
}

const idOf = (n: number) => `01900000-0000-7000-8000-${n.toString(16).padStart(12, "0")}`;

/** Has the oldest third of all thoughts, and none since. */
const QUIET_USER = "quiet user";

/** Fills both tables as a backlog would, without the planner being told. */
async function fill(database: Database, count: number): Promise<void> {
  await database.transaction(async (tx) => {
    await tx.query("set local statement_timeout = 0");
    await tx.query(
      `insert into thoughts (id, user_id, text, created_at, idempotency_key)
       select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
         case when n < $1::int / 3 then $2 else 'user ' || n % 1000 end, 'a thought', now(),
         case when n % 3 = 0 then n || ' is the key of a thought' end
       from generate_series(1, $1::int) n`,
      [count, QUIET_USER],
    );
    await tx.query(
      `insert into outbox (thought_id, attempts, flow, user_id, cost, rank)
       select id, 0, '', user_id, 1, 10000000000000000 + row_number() over () from thoughts`,
    );
    await tx.query("insert into outbox_floors (flow) values ('') on conflict do nothing");
  }, { limitMs: Infinity });
}

/** Fills the table of events, of one webhook, for some of the thoughts. */
async function fillEvents(database: Database): Promise<void> {
  await database.query(
    `insert into webhook_deliveries (flow, thought_id, user_id, status, accepted_at, ended_at, due_at, given_up_at)
     select 'a key', id, user_id, 'completed', now(), now(), case when n % 3 > 0 then now() end,
       case when n % 3 = 0 then now() end
     from (select *, row_number() over () as n from thoughts limit 10000) numbered`,
  );
  await database.query(
    "insert into webhooks (flow, url, secret) values ('a key', 'https://example.com', '') on conflict do nothing",
  );
}

Deno.test({
  name:
    "no statement of a worker scans a table: just emptied, growing, or of a million rows that nobody has counted",
  ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    await work(database, 1, 100);
    await database.query("truncate thoughts, outbox, dead_letters");
    await database.query("vacuum analyze thoughts");
    await database.query("vacuum analyze outbox");
    // While a table has a page or two, reading it whole costs less than one index.
    const { scanned } = await readBy(database, () => work(database, 20, 200));
    assert.ok(scanned < 20_000, `${scanned} rows scanned for 4,000 thoughts`); // a scan a statement: 200,000

    await database.query("truncate thoughts, outbox, dead_letters");
    await database.query("analyze thoughts");
    // Autovacuum must not count either: on a busy machine it comes while the rows are not committed.
    await database.query("alter table thoughts set (autovacuum_enabled = false)");
    await fill(database, 1_000_000);
    assert.equal((await readBy(database, () => claimSome(database))).scanned, 0);
  },
});

/** Thoughts that have failed. */
const FAILED = 1_000;

/** At this size the outbox's two indexes by flow have different heights, and the wrong one looks cheaper. */
const BETWEEN_HEIGHTS = 60_000;

for (
  const { kind, ignored, open } of [
    ...DATABASES.map(({ kind, ignore }) => ({ kind, ignored: ignore, open: () => openTestDatabase(kind) })),
    { kind: "as through a pooler", ignored: ignore, open: openPooled },
  ]
) {
  Deno.test({
    name: `no statement reads an index from end to end, where autovacuum found the tables empty (${kind})`,
    ignore: ignored,
    async fn() {
      await using database = await open();
      // Pages without rows: from then on the planner expects one row, however many pages there are.
      await fill(database, 10_000);
      await fillEvents(database);
      for (const table of ["outbox", "thoughts", "webhook_deliveries"]) {
        await database.query(`delete from ${table}`);
        await database.query(`vacuum (analyze, truncate false) ${table}`);
        await database.query(`alter table ${table} set (autovacuum_enabled = false)`);
      }
      await fill(database, BETWEEN_HEIGHTS);
      const { found } = await readBy(database, () => claimSome(database));
      assert.ok(
        found < BETWEEN_HEIGHTS,
        `${found} entries of indexes read for 1,506 of ${BETWEEN_HEIGHTS} thoughts`,
      );

      await database.query(
        `update thoughts set status = 'failed', finished_at = now() where id > '${
          idOf(BETWEEN_HEIGHTS - FAILED)
        }'`,
      );
      await fillEvents(database);
      const walks: string[] = [];
      for (const known of ["emptied", "analyzed"]) {
        for (const [what, run] of lookups(database)) {
          const { found, scanned } = await readBy(database, run);
          if (found + scanned >= FAILED) walks.push(`${what}, ${known}: ${found}, ${scanned} by scans`);
        }
        await database.query("analyze thoughts");
      }
      assert.deepEqual(walks, [], "entries of indexes, and rows, read");
    },
  });
}

/** What concerns a few thoughts of few users, by what asks for it. */
function lookups(database: Database): [string, () => Promise<unknown>][] {
  const store = createStore(database);
  const operator = createOperator(database);
  const deliveries = createDeliveries(database);
  const repeat = (of: number) =>
    aThought({ userId: QUIET_USER, idempotencyKey: `${of} is the key of a thought`, requestHash: "a hash" });
  return [
    ["a listing of a user", () => store.list({ userId: "user 7", limit: 5 })],
    ["a listing of a user without thoughts", () => store.list({ userId: "nobody", limit: 5 })],
    ["a listing of a user who has been quiet", () => store.list({ userId: QUIET_USER, limit: 5 })],
    ["a user's events", () => store.newer("user 7", idOf(1), 5)],
    ["the canary's part of what waits", () => store.waiting(100)],
    ["a repeated request", () => store.insert([repeat(3_000)])],
    ["repeated thoughts of one request", () => store.insertAsOne("a key", [repeat(3_003), repeat(3_006)])],
    ["one failed thought", () => operator.redrive(idOf(BETWEEN_HEIGHTS))],
    ["a user to forget", () => operator.forget("user 8")],
    ["events that wait", deliveries.waiting],
    ["some events", async () => {
      const taken = await deliveries.take([{ flow: "a key", room: 20 }], 60_000);
      for (const [at, delivery] of taken.entries()) {
        if (at % 2 === 0) await deliveries.accepted(delivery);
        else await deliveries.missed(delivery, { error: "no answer", pauseMs: at % 3 === 0 ? null : 1_000 });
      }
    }],
    ["events to give up", () => deliveries.giveUp(["a key"], 0, 20)],
  ];
}

/** A database that none of our start-up settings reach, with its role as the log says. */
async function openPooled(): Promise<Database> {
  const fresh = await freshDatabase(Deno.env.get("TEST_DATABASE_URL")!);
  const open = async () => {
    const database = openPostgres({ url: `${fresh.url}?pgbouncer=true` });
    let logged = "";
    const log = createLogger({ service: "test", write: (lines) => logged += lines });
    await migrate(database, log);
    log.flush();
    return { database, sql: logged.match(/"sql":"(.*)"/)?.[1] };
  };
  const before = await open();
  for (const statement of before.sql!.split("; ")) await before.database.query(statement);
  await before.database[Symbol.asyncDispose]();
  const { database, sql } = await open();
  assert.equal(sql, undefined, "nothing is left to say");
  return {
    ...database,
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await fresh[Symbol.asyncDispose]();
    },
  };
}

Deno.test({
  name: "no statement is compiled: with millions of rows that takes seconds, and running it milliseconds",
  ignore,
  async fn() {
    await using database = await openTestDatabase("postgres");
    for (const run of [database.query, database.read]) {
      assert.deepEqual(await run("select current_setting('jit') as jit"), [{ jit: "off" }]);
    }
  },
});

/** Claims, renews, completes, fails and relays among the million. */
async function claimSome(database: Database): Promise<void> {
  const outbox = createOutbox(database);
  const claims = createClaims(database, { leaseMs: 60_000, maxAttempts: 5 });
  const stranded = createStranded(database);
  for (let round = 0; round < 3; round++) {
    const ids: string[] = [];
    await outbox.take(500, (messages) => {
      ids.push(...messages.map(({ value }) => value));
      return Promise.resolve();
    });
    const claimed = await claims.claim(ids);
    assert.equal(claimed.length, 500);
    await claims.renew(claimed);
    await claims.complete(
      claimed.slice(50).map(({ id, attempt }) => ({ id, attempt, result: RESULT })),
    );
    await claims.fail(claimed.slice(0, 50).map(failure));
    await outbox.ripen(500);
    await stranded.look(null, 1_000, 0);
    await createStore(database).insert([aThought(), aThought({ userId: "user 7" })]);
  }
}
