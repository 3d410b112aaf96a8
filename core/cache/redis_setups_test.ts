/** Redis as people really have it: with users, passwords and TLS, demoted, or as a cluster. */
import assert from "node:assert/strict";
import { makeCertificates } from "../../tests/support/certificates.ts";
import { startOwnRedis } from "../../tests/support/own_redis.ts";
import { required } from "../../tests/support/services.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { createLogger, reason } from "../telemetry/log.ts";
import type { UnavailableError } from "../unavailable.ts";
import type { Cache } from "./cache.ts";
import { openRedis } from "./redis.ts";

const ignore = Deno.env.get("TEST_REDIS_URL") === undefined && !required;

function logger() {
  let logged = "";
  const log = createLogger({ service: "test", write: (lines) => logged += lines });
  return { log, logged: () => (log.flush(), logged) };
}

/** Resolves when a value goes in and comes out. */
const works = (cache: Cache) =>
  waitFor("the cache to work", async () => {
    await cache.ping();
    await cache.setMany(new Map([["analysis:a", "1"]]));
    return (await cache.getMany(["analysis:a"]))[0] === "1";
  });

/** Resolves with the reason that health would give, once it is this one. */
const down = (cache: Cache, why: string) =>
  waitFor(
    `a ping that fails: ${why}`,
    () => cache.ping().then(() => false, (error: UnavailableError) => error.why === why),
  );

Deno.test({
  name:
    "a Redis user in the address and the password apart log in; a wrong password is named in log and health",
  ignore,
  async fn() {
    await using redis = await startOwnRedis(
      ["--user", "default", "off", "--user", "ada", "on", ">secret", "~*", "+@all"],
      { admin: ["--user", "ada", "--pass", "secret", "--no-auth-warning"] },
    );
    const url = `redis://ada@127.0.0.1:${redis.port}`;
    const { log, logged } = logger();
    {
      await using cache = openRedis({ url, password: "secret", ttlS: 60, log });
      await works(cache);
    }
    {
      await using cache = openRedis({
        url: url.replace("ada@", "ada:secret@"),
        password: "other",
        ttlS: 60,
        log,
      });
      await works(cache);
    }
    await using cache = openRedis({ url, password: "canary", ttlS: 60, log });
    await down(cache, "the login is refused");
    await cache.getMany(["analysis:a"]);
    assert.match(logged(), /continuing without it.*WRONGPASS/);
    const error = await cache.ping().catch((error) => error);
    assert.doesNotMatch(reason(error), /enableOfflineQueue/, "an option of the client");
    assert.doesNotMatch(logged(), /canary/);
  },
});

Deno.test({
  name: "a Redis user needs no dangerous commands; one that lacks a right the cache needs is down by name",
  ignore,
  async fn() {
    await using redis = await startOwnRedis([
      ...["--user", "ada", "on", ">secret", "~*", "+@all", "-@dangerous"],
      ...["--user", "bob", "on", ">secret", "~*", "+@all", "-eval"],
      ...["--user", "cy", "on", ">secret", "~*", "+@all", "-mget"],
    ]);
    const { log } = logger();
    const open = (user: string) =>
      openRedis({ url: `redis://${user}:secret@127.0.0.1:${redis.port}`, ttlS: 60, log });
    const printed: unknown[] = [];
    const { warn } = console;
    // deno-lint-ignore no-console
    console.warn = (line) => printed.push(line);
    try {
      await using cache = open("ada");
      await works(cache);
    } finally {
      // deno-lint-ignore no-console
      console.warn = warn;
    }
    assert.deepEqual(printed, [], "the client's own advice");
    for (const user of ["bob", "cy"]) {
      await using cache = open(user);
      await down(cache, "its user lacks a right");
    }
  },
});

Deno.test({
  name:
    "a Redis demoted to a replica is down by name, and its connection is created again until one takes writes",
  ignore,
  async fn() {
    await using primary = await startOwnRedis();
    await using redis = await startOwnRedis();
    const { log, logged } = logger();
    await using cache = openRedis({ url: `redis://127.0.0.1:${redis.port}`, ttlS: 60, log });
    await works(cache);
    const clients = async () => /id=(\d+)/.exec(await redis.command("client", "list", "type", "normal"))?.[1];
    const before = await clients();
    await redis.command("replicaof", "127.0.0.1", String(primary.port));
    await waitFor("the replica", async () => (await redis.command("role")).startsWith("slave"));
    await down(cache, "read-only");
    await cache.setMany(new Map([["analysis:a", "2"]]));
    assert.match(logged(), /continuing without it.*READONLY/);
    await waitFor("another connection", async () => await clients() !== before);
    await redis.command("replicaof", "no", "one");
    await works(cache);
  },
});

Deno.test({
  name: "rediss:// checks the server's certificate, against an authority of its own where one is given",
  ignore,
  async fn() {
    await using certificates = await makeCertificates();
    const { authority, stranger, server } = certificates;
    const files = ["--tls-cert-file", server.certificate, "--tls-key-file", server.key];
    await using redis = await startOwnRedis(
      [...files, "--tls-ca-cert-file", authority, "--tls-auth-clients", "no"],
      { tls: true, admin: ["--tls", "--cacert", authority] },
    );
    const url = `rediss://localhost:${redis.port}`;
    const { log } = logger();
    {
      await using cache = openRedis({ url, caFile: authority, ttlS: 60, log });
      await works(cache);
    }
    for (const connection of [{ url }, { url, caFile: stranger }, { url: url.replace("rediss", "redis") }]) {
      await using cache = openRedis({ ...connection, ttlS: 60, log });
      await waitFor("a first attempt", () => cache.ping().then(() => false, () => true));
      await assert.rejects(cache.ping());
    }
    assert.throws(
      () => openRedis({ url, caFile: "/nowhere", ttlS: 60, log }),
      /Cannot read \/nowhere.*REDIS_CA_FILE/,
    );
  },
});

Deno.test({
  name: "rediss:// to an IP address checks that the certificate has it",
  ignore,
  async fn() {
    await using certificates = await makeCertificates();
    const { authority, byAddress, server } = certificates;
    for (const [{ certificate, key }, has] of [[byAddress, true], [server, false]] as const) {
      await using redis = await startOwnRedis(
        [
          ...["--tls-cert-file", certificate, "--tls-key-file", key],
          ...["--tls-ca-cert-file", authority, "--tls-auth-clients", "no"],
        ],
        { tls: true, admin: ["--tls", "--cacert", authority] },
      );
      const { log } = logger();
      await using cache = openRedis({
        url: `rediss://127.0.0.1:${redis.port}`,
        caFile: authority,
        ttlS: 60,
        log,
      });
      if (has) await works(cache);
      else {
        await waitFor(
          "the refusal",
          () => cache.ping().then(() => false, (error) => /certificate/i.test(error.message)),
        );
      }
    }
  },
});

Deno.test({
  name: "a Redis cluster is refused by name, at the start",
  ignore,
  async fn() {
    await using redis = await startOwnRedis(["--cluster-enabled", "yes"]);
    const { log, logged } = logger();
    await using cache = openRedis({ url: `redis://127.0.0.1:${redis.port}`, ttlS: 60, log });
    await down(cache, "a cluster, which is not supported");
    assert.match(logged(), /"level":"ERROR","msg":"cache refused.*must name a single server/);
    assert.deepEqual(await cache.getMany(["analysis:a", "analysis:b"]), [undefined, undefined]);
  },
});

Deno.test({
  name: "two deployments on one Redis see nothing of each other",
  ignore,
  async fn() {
    await using redis = await startOwnRedis();
    const { log } = logger();
    const url = `redis://127.0.0.1:${redis.port}`;
    await using one = openRedis({ url, prefix: "one:", ttlS: 60, log });
    await using two = openRedis({ url, prefix: "two:", ttlS: 60, log });
    await works(one);
    await two.ping().catch(() => {});
    assert.deepEqual(await two.getMany(["analysis:a"]), [undefined]);
    const keys = (await redis.command("keys", "*")).split("\n").filter((key) => !key.endsWith("ping"));
    assert.deepEqual(keys, ["one:analysis:a"]);
  },
});
