import assert from "node:assert/strict";
import { DatabaseUnavailableError, UnstorableError } from "./database.ts";
import { openPostgres } from "./postgres.ts";
import { DATABASES } from "../../tests/support/databases.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { startOwnPostgres } from "../../tests/faults/own_postgres.ts";
import { startTcpProxy, type TcpProxy } from "../../tests/support/tcp_proxy.ts";

const serverUrl = Deno.env.get("TEST_DATABASE_URL")!;

/** A test on a real server, reached through a proxy that can be cut. */
function testOnServer(name: string, run: (url: string, proxy: TcpProxy) => Promise<void>): void {
  Deno.test({
    name,
    ignore: DATABASES.find(({ kind }) => kind === "postgres")!.ignore,
    async fn() {
      const url = new URL(serverUrl);
      await using proxy = startTcpProxy({ hostname: url.hostname, port: Number(url.port || 5432) });
      url.host = `127.0.0.1:${proxy.port}`;
      await run(url.href, proxy);
    },
  });
}

const unavailable = (error: unknown) => error instanceof DatabaseUnavailableError;

Deno.test("a database shows its address without the password", async () => {
  await using database = openPostgres({ url: "postgres://ada:canary@127.0.0.1:1/thoughts" });
  assert.equal(database.name, "postgres://ada@127.0.0.1:1/thoughts");
});

Deno.test("a server that is not there is an outage, at once", async () => {
  await using database = openPostgres({ url: "postgres://ada:canary@127.0.0.1:1/thoughts" });
  await assert.rejects(
    database.query("select 1"),
    (error) => unavailable(error) && !String((error as Error).message).includes("canary"),
  );
});

Deno.test("a server that stops while clients connect to it is an outage, and ends no process", async () => {
  // A socket that stops listening resets the connections that it has not accepted: at whatever point they are.
  let listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  await using database = openPostgres({ url: `postgres://ada@127.0.0.1:${port}/thoughts`, poolSize: 6 });
  for (let round = 0; round < 100; round++) {
    const answers = Array.from({ length: 6 }, () => assert.rejects(database.query("select 1"), unavailable));
    await new Promise((resolve) => setTimeout(resolve, round % 3));
    listener.close();
    await Promise.all(answers);
    listener = Deno.listen({ hostname: "127.0.0.1", port });
  }
  listener.close();
});

for (const tls of ["disable", "prefer", "require"]) {
  Deno.test(`a name without a server is an outage, at once and after one attempt (sslmode=${tls})`, async () => {
    // A load balancer accepts connections that it cannot pass on, and closes them.
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    let attempts = 0;
    (async () => {
      for await (const connection of listener) {
        attempts++;
        connection.read(new Uint8Array(100)).then(() => connection.close());
      }
    })();
    const { port } = listener.addr as Deno.NetAddr;
    await using database = openPostgres({
      url: `postgres://ada@127.0.0.1:${port}/thoughts?sslmode=${tls}`,
    });
    const startedAt = performance.now();
    for (let query = 1; query <= 3; query++) {
      await assert.rejects(database.query("select 1"), unavailable);
      assert.equal(attempts, query);
    }
    assert.ok(performance.now() - startedAt < 2_000);
  });
}

testOnServer(
  "a server that went away before it could be told to cancel ends no process",
  async (url, proxy) => {
    await using database = openPostgres({ url: `${url}?pgbouncer=true`, statementTimeoutMs: 50 });
    await database.query("select 1");
    proxy.block();
    proxy.refuse();
    await assert.rejects(database.query("select 1"), unavailable);
  },
);

testOnServer("a server without room, memory or a sound disk is an outage; a mistake is none", async (url) => {
  await using database = openPostgres({ url, poolSize: 1 });
  const raise = (code: string) => database.query(`do $$ begin raise sqlstate '${code}'; end $$`);
  for (const code of ["53100", "53200", "58030"]) await assert.rejects(raise(code), unavailable, code);
  await assert.rejects(raise("42P01"), (error) => !unavailable(error));
});

testOnServer("a statement that takes too long is cancelled, and others go on", async (url) => {
  await using database = openPostgres({ url, statementTimeoutMs: 50, poolSize: 1 });
  await assert.rejects(database.query("select pg_sleep(60)"), unavailable);
  assert.deepEqual((await database.query("select 1 as one")).map((row) => ({ ...row })), [{ one: 1 }]);
});

testOnServer(
  "a connection that breaks is an outage, and the next query has a new one",
  async (url, proxy) => {
    await using database = openPostgres({ url, poolSize: 1 });
    await database.query("select 1");
    const broken = assert.rejects(database.query("select pg_sleep(60)"), unavailable);
    await proxy.connected(1);
    proxy.cut();
    await broken;
    await database.query("select 1");
  },
);

testOnServer(
  "a server that falls silent is abandoned, and queried again over other connections",
  async (url, proxy) => {
    await using database = openPostgres({ url, statementTimeoutMs: 50, poolSize: 1 });
    await database.query("select 1");
    proxy.block();
    await assert.rejects(database.query("select 1"), unavailable);
    proxy.unblock(); // for new connections; the old one stays dead
    await database.query("select 1");
  },
);

testOnServer("what ends a transaction's connection leaves nothing of it", async (url, proxy) => {
  await using database = openPostgres({ url, poolSize: 2 });
  const table = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  await database.query(`create table ${table} (n int)`);
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.query(`insert into ${table} values (1)`);
      proxy.cut();
      await waitFor(
        "the pool to be whole again",
        () => database.query("select 1").then(() => true, () => false),
      );
      await tx.query(`insert into ${table} values (2)`);
    }),
    unavailable,
  );
  assert.equal((await database.query(`select from ${table}`)).length, 0);
  await database.query(`drop table ${table}`);
});

testOnServer("a transaction after one that broke or failed has a sound connection", async (url, proxy) => {
  await using database = openPostgres({ url });
  const one = () =>
    database.transaction(async (tx) => (await tx.query<{ one: number }>("select 1 as one"))[0]!.one);
  assert.equal(await one(), 1);
  proxy.cut();
  await waitFor(
    "the connection to be known as broken",
    () => one().then((value) => value === 1, () => false),
  );
  const dying = assert.rejects(database.transaction((tx) => tx.query("select pg_sleep(60)")), unavailable);
  await waitFor(
    "it to sleep",
    async () =>
      (await database.query(
        "select from pg_stat_activity where query like 'select pg_sleep(60)%' and state = 'active'",
      ))
        .length > 0,
  );
  await database.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(60)%' and pid <> pg_backend_pid()",
  );
  await dying;
  assert.equal(await one(), 1);
  await assert.rejects(database.transaction((tx) => tx.query("select nothing from nowhere")), /nowhere/);
  await assert.rejects(database.transaction(() => Promise.reject(new RangeError())), RangeError);
  assert.deepEqual(await Promise.all([one(), one(), one()]), [1, 1, 1]);
});

testOnServer("a failed statement fails its transaction, also when the program overlooks it", async (url) => {
  await using database = openPostgres({ url });
  await assert.rejects(
    database.transaction(async (tx) => {
      await tx.query("select nothing from nowhere").catch(() => {});
    }),
    /nowhere/,
  );
});

testOnServer("a statement that fails among its rows leaves the next result whole", async (url) => {
  await using database = openPostgres({ url, poolSize: 1 });
  const failing = "select 1 / (5000 - n) as one from generate_series(1, 10000) n";
  const cancelled =
    "select n, pg_sleep(case when n < 5000 then 0 else 60 end) from generate_series(1, 10000) n";
  for (const ask of [() => database.query(failing), () => database.transaction((tx) => tx.query(failing))]) {
    await assert.rejects(ask(), UnstorableError);
    assert.deepEqual((await database.query("select n from generate_series(1, 3) n")).map(({ n }) => n), [
      1,
      2,
      3,
    ]);
  }
  await using hasty = openPostgres({ url, poolSize: 1, statementTimeoutMs: 50 });
  await assert.rejects(hasty.query(cancelled), unavailable);
  assert.deepEqual((await hasty.query("select n from generate_series(1, 3) n")).map(({ n }) => n), [1, 2, 3]);
});

testOnServer(
  "who waits in line for slow reads is sent away, and takes no connection with it",
  async (url) => {
    await using database = openPostgres({ url, readTimeoutMs: 300, statementTimeoutMs: 5_000 });
    const slowWrite = database.query("select pg_sleep(1) is not null as done");
    const reads = await Promise.allSettled(
      Array.from({ length: 100 }, () => database.read("select pg_sleep(60)")),
    );
    assert.ok(reads.every(({ status }) => status === "rejected"));
    assert.deepEqual((await slowWrite)[0], { done: true });
    assert.equal((await database.read("select 1 as one"))[0]!.one, 1);
  },
);

testOnServer("a deadlock of two statements is made again until both are through", async (url) => {
  await using one = openPostgres({ url });
  const table = `t_${crypto.randomUUID().replaceAll("-", "")}`;
  await one.query(`create table ${table} as select n, 0 as hits from generate_series(1, 2) n`);
  const hit = (first: number, second: number) =>
    one.query(`with first as (
      update ${table} set hits = hits + 1 where n = ${first} returning pg_sleep(0.3) is null as waited
    ) select waited from first, lateral (select n from ${table} where n = ${second} for update) second`);
  await Promise.all([hit(1, 2), hit(2, 1)]);
  const hits = await one.query<{ hits: number }>(`select hits from ${table}`);
  assert.deepEqual(hits.map(({ hits }) => hits), [1, 1]);
  await one.query(`drop table ${table}`);
});

testOnServer("a listener is notified again after the connection broke", async (url, proxy) => {
  await using database = openPostgres({ url });
  let heard = 0;
  await using notifications = database.listen("test_channel", () => heard++);
  await waitFor("it listens", () => notifications.active());
  proxy.cut();
  await waitFor("it knows that it does not", () => !notifications.active());
  const before = heard;
  await waitFor(
    "it listens again, and may have missed something",
    () => notifications.active() && heard > before,
  );
  const missed = heard;
  await database.query("notify test_channel");
  await waitFor("it hears", () => heard > missed);
});

testOnServer("a password in the address wins over the one given apart", async () => {
  await using server = await startOwnPostgres({
    prepare: (folder) =>
      Deno.writeTextFile(
        `${folder}/pg_hba.conf`,
        "host all postgres all trust\nhost all all all scram-sha-256\n",
      ),
  });
  {
    await using admin = openPostgres({ url: server.url });
    await admin.query("create role ada login password 'sec#ret'");
  }
  const login = async (user: string, password?: string) => {
    await using database = openPostgres({
      url: server.url.replace("postgres@", `${user}@`),
      ...(password === undefined ? {} : { password }),
    });
    await database.query("select 1");
  };
  await login("ada:sec%23ret", "another");
  await login("ada", "sec#ret");
  for (const [user, password] of [["ada:another", "sec#ret"], ["ada", "another"], ["ada"]]) {
    await assert.rejects(login(user!, password), (error: DatabaseUnavailableError) => {
      assert.equal(error.why, "the login is refused");
      return !/another|sec.*ret/.test(error.message);
    });
  }
});
