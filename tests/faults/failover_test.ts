/** The primary of PostgreSQL or Redis killed under load, and its replica promoted. One name stays for both. */
import assert from "node:assert/strict";
import postgres from "postgres";
import { lastFor } from "./duration.ts";
import { type Load, startLoad } from "./load.ts";
import { startOwnPostgres } from "./own_postgres.ts";
import { reportFailover } from "./report.ts";
import { faultTest } from "./services.ts";
import {
  assertNoneEnded,
  assertNothingLostOrTwice,
  everyWorkerActive,
  startSystem,
  type System,
} from "./system.ts";
import type { Program } from "./program.ts";
import { startOwnRedis } from "../support/own_redis.ts";
import type { Services } from "../support/services.ts";
import { startTcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait.ts";

const LOAD = { thoughts: 750, perSecond: 50, clients: 750 };
/** From a primary's death until whoever watches over it has promoted the replica. */
const NOTICED_S = 3;

faultTest(
  "PostgreSQL killed, its replica promoted: the same name serves again, nothing is lost",
  async (services) => {
    // A commit waits for the replica: what was acknowledged survives the primary.
    await using primary = await startOwnPostgres({ settings: ["synchronous_standby_names=*"] });
    await using replica = await startOwnPostgres({ copyOf: primary.url });
    await using name = startTcpProxy(placeOf(primary.url));
    const databaseUrl = `postgres://postgres@127.0.0.1:${name.port}/postgres`;
    await failover("PostgreSQL: primary killed, replica promoted", { ...services, databaseUrl }, async () => {
      await primary.kill();
      await lastFor(NOTICED_S);
      await promote(replica.url);
      name.redirect(placeOf(replica.url));
    });
  },
);

faultTest(
  "Redis killed, its replica promoted: the same name serves again, nothing is lost",
  async (services) => {
    await using primary = await startOwnRedis();
    await using replica = await startOwnRedis(["--replicaof", `127.0.0.1 ${primary.port}`]);
    await waitFor("the copy", async () => (await replica.command("role")).includes("connected"));
    await using name = startTcpProxy(placeOf(primary));
    const redisUrl = `redis://127.0.0.1:${name.port}`;
    const load = await failover(
      "Redis: primary killed, replica promoted",
      { ...services, redisUrl },
      async ({ workers }) => {
        await primary.kill();
        await lastFor(NOTICED_S);
        await replica.command("replicaof", "no", "one");
        name.redirect(placeOf(replica));
        for (const worker of workers) {
          await waitFor("a cache that takes writes", async () => await cacheOf(worker) === "up");
        }
      },
    );
    assert.equal(load.refused + load.unanswered, 0);
  },
);

/** Runs a system under load until long after the fault, and counts. */
async function failover(
  fault: string,
  services: Services,
  happens: (system: System) => Promise<void>,
): Promise<Load> {
  // What is lost on the way stays lost, so that only the outbox can have kept it.
  await using system = await startSystem(services, { env: { REQUEUE_AFTER_MS: "86400000" } });
  await everyWorkerActive(system);
  const load = startLoad({ api: () => system.api.url, ...LOAD });
  await waitFor("work has begun", async () => await system.audit.count("completed") > 50);
  const brokenAt = Date.now();
  await happens(system);
  await load.done;
  await system.settled();

  assertNoneEnded(system);
  const verdict = await assertNothingLostOrTwice(system, load);
  reportFailover(fault, load, verdict, {
    acceptedS: load.longestPauseS(brokenAt),
    completedS: await system.audit.longestPauseS(brokenAt),
  });
  return load;
}

/** What a worker's health says of its cache. */
async function cacheOf({ url }: Program): Promise<string> {
  const { dependencies } = await (await fetch(`${url}/health/ready`)).json();
  return dependencies.cache.status;
}

async function promote(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, fetch_types: false });
  await sql`select pg_promote()`;
  await sql.end();
}

function placeOf(server: string | { readonly port: number }) {
  return {
    hostname: "127.0.0.1",
    port: typeof server === "string" ? Number(new URL(server).port) : server.port,
  };
}
