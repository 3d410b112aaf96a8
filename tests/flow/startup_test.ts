/**
 * What a running API says about a database that is not up yet, refuses writes, or refuses the login; and how
 * it continues.
 */
import assert from "node:assert/strict";
import { createLogger } from "../../core/telemetry/log.ts";
import { migrate } from "../../core/store/database.ts";
import { migrateOrWait } from "../../core/store/migrated.ts";
import { openPostgres } from "../../core/store/postgres.ts";
import { loggedUrl, startProcess } from "../support/process.ts";
import { freshDatabase, testOnServices } from "../support/services.ts";
import { startTcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait.ts";

const log = createLogger({ service: "test", write: () => {} });

const startApi = (databaseUrl: string) =>
  startProcess({ args: ["-P=api", "api/main.ts"], env: { DATABASE_URL: databaseUrl, API_PORT: "0" } });

async function post(url: string): Promise<Response> {
  return await fetch(`${url}/thoughts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id: "ada", text: "A thought" }),
  });
}

/** Posts until the answer has this status. */
async function posted(url: string, status: number): Promise<Response> {
  return await waitFor(`an answer of ${status}`, async () => {
    const response = await post(url);
    if (response.status === status) return response;
    await response.body?.cancel();
    return undefined;
  });
}

async function readyReason(url: string): Promise<string | undefined> {
  const health = await (await fetch(`${url}/health/ready`)).json();
  return health.dependencies.database.reason;
}

testOnServices("an API that starts before PostgreSQL waits for it, and says so", async ({ databaseUrl }) => {
  await using fresh = await freshDatabase(databaseUrl);
  const server = new URL(fresh.url);
  let port: number;
  {
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    port = taken.addr.port;
  }
  const url = new URL(fresh.url);
  url.port = String(port);
  await using api = startApi(url.href);
  const address = await loggedUrl(api, "url");
  const refused = await posted(address, 503);
  assert.equal((await refused.json()).type, "/problems/unavailable");
  assert.ok(refused.headers.has("retry-after"));
  assert.equal(await readyReason(address), "not reachable");

  await using _proxy = startTcpProxy({ hostname: server.hostname, port: Number(server.port) }, { port });
  await (await posted(address, 201)).body?.cancel();
  await waitFor("ready", async () => await readyReason(address) === undefined);
});

testOnServices(
  "a database that takes no writes is an outage by name, and over once it takes them",
  async (services) => {
    await using fresh = await freshDatabase(services.databaseUrl);
    await using admin = openPostgres({ url: services.databaseUrl });
    const name = new URL(fresh.url).pathname.slice(1);
    const disconnect = () =>
      admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
    await using api = startApi(fresh.url);
    const address = await loggedUrl(api, "url");
    await (await posted(address, 201)).body?.cancel();

    await admin.query(`alter database ${name} set default_transaction_read_only = on`);
    await disconnect();
    const refused = await waitFor("writes to be refused", async () => {
      const response = await post(address);
      const { status } = response;
      await response.body?.cancel();
      assert.notEqual(status, 500);
      return status === 503 && await readyReason(address) === "read-only" ? response : undefined;
    });
    assert.ok(refused.headers.has("retry-after"));

    await admin.query(`alter database ${name} reset default_transaction_read_only`);
    await (await posted(address, 201)).body?.cancel();
  },
);

testOnServices(
  "a login that is refused at run time is an outage by name, and over once it is let in",
  async (services) => {
    await using fresh = await freshDatabase(services.databaseUrl);
    await using admin = openPostgres({ url: services.databaseUrl });
    const role = `test_${crypto.randomUUID().replaceAll("-", "")}`;
    const url = new URL(fresh.url);
    url.username = role;
    const name = url.pathname.slice(1);
    await admin.query(`create role ${role} login`);
    await admin.query(`alter database ${name} owner to ${role}`);
    {
      await using api = startApi(url.href);
      const address = await loggedUrl(api, "url");
      await (await posted(address, 201)).body?.cancel();

      await admin.query(`alter role ${role} nologin`);
      await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = $1", [role]);
      await waitFor("the login to be named", async () => {
        const response = await post(address);
        await response.body?.cancel();
        assert.notEqual(response.status, 500);
        return response.status === 503 && await readyReason(address) === "the login is refused";
      });

      // At the start the login is not awaited.
      await using late = startApi(url.href);
      assert.equal((await late.status).code, 1);
      assert.match(late.stdout(), /is not permitted to log in/);

      await admin.query(`alter role ${role} login`);
      await (await posted(address, 201)).body?.cancel();
    }
    await admin.query(`alter database ${name} owner to current_user`);
    await admin.query(`drop owned by ${role}`).catch(() => {});
  },
);

testOnServices(
  "a migration waits for another's lock longer than a statement may take",
  async ({ databaseUrl }) => {
    await using fresh = await freshDatabase(databaseUrl);
    await using database = openPostgres({ url: fresh.url, statementTimeoutMs: 200 });
    await migrate(database, log);
    await database.query("drop index thoughts_completed");
    await database.query("delete from schema_migrations where version = 6");
    await using other = openPostgres({ url: fresh.url });
    const locked = Promise.withResolvers<void>();
    const holding = other.transaction(async (tx) => {
      await tx.query("lock table thoughts in row exclusive mode");
      locked.resolve();
      await tx.query("select pg_sleep(1.5)");
    });
    await locked.promise;
    await migrate(database, log);
    await holding;
    assert.equal((await database.query("select from schema_migrations where version = 6")).length, 1);
  },
);

testOnServices(
  "a program that finds a newer schema at run time names its version",
  async ({ databaseUrl }) => {
    await using fresh = await freshDatabase(databaseUrl);
    await using opened = openPostgres({ url: fresh.url });
    await using migrated = await migrateOrWait(opened, log);
    await opened.query("insert into schema_migrations (version) values (999)");
    await assert.rejects(migrated.database.query("select gone from thoughts"), {
      name: "DatabaseUnavailableError",
      why: "its schema is newer than this program",
      message: /schema is at version 999, this program knows \d+: start a newer version/,
    });
  },
);
