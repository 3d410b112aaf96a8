import assert from "node:assert/strict";
import { startTcpProxy, type TcpProxy } from "../../tests/support/tcp_proxy.ts";
import { required } from "../../tests/support/services.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { takeWallClock } from "../../tests/support/wall_clock.ts";
import type { Cache } from "./cache.ts";
import { createLogger } from "../telemetry/log.ts";
import { openRedis } from "./redis.ts";

const serverUrl = Deno.env.get("TEST_REDIS_URL");
let logged = "";
const log = createLogger({ service: "test", write: (lines) => logged += lines });

/** What an outage may cost a batch at most, by design; the rest is for a busy machine. */
const OUTAGE_MS = 200 + 300;

/** A test on a real server, reached through a proxy, with a cache that is connected and keys of its own. */
function testOnRedis(
  name: string,
  run: (cache: Cache, key: (name: string) => string, proxy: TcpProxy) => Promise<void>,
) {
  Deno.test({
    name: serverUrl === undefined ? `${name} (skipped: no TEST_REDIS_URL)` : name,
    ignore: serverUrl === undefined && !required,
    async fn() {
      const url = new URL(serverUrl!);
      await using proxy = startTcpProxy({ hostname: url.hostname, port: Number(url.port || 6379) });
      await using cache = openRedis({ url: `redis://127.0.0.1:${proxy.port}`, ttlS: 2, log });
      await connected(cache);
      const prefix = `test:${crypto.randomUUID()}:`;
      await run(cache, (name) => prefix + name, proxy);
    },
  });
}

const connected = (cache: Cache) =>
  waitFor("Redis", () => cache.ping().then(() => true, () => false), { everyMs: 10 });

async function timed<T>(run: () => Promise<T>): Promise<{ readonly value: T; readonly ms: number }> {
  const started = performance.now();
  return { value: await run(), ms: performance.now() - started };
}

testOnRedis(
  "values come back in the order of their keys, undefined where there is none",
  async (cache, key) => {
    await cache.setMany(new Map([[key("a"), "1"], [key("b"), "ü\0\u{1f600}"]]));
    assert.deepEqual(await cache.getMany([key("b"), key("x"), key("a")]), ["ü\0\u{1f600}", undefined, "1"]);
    assert.deepEqual(await cache.getMany([]), []);
    await cache.setMany(new Map());
  },
);

testOnRedis("a batch of ten thousand goes in and out", async (cache, key) => {
  const entries = new Map(Array.from({ length: 10_000 }, (_, at) => [key(String(at)), `value ${at}`]));
  await cache.setMany(entries);
  const missing = (await cache.getMany([...entries.keys()])).filter((value) => value === undefined);
  log.flush();
  assert.ok(
    missing.length === 0 || logged !== "",
    "all of it, unless the machine was too slow and the log says so",
  );
});

testOnRedis("a value is forgotten after its time", async (cache, key) => {
  await cache.setMany(new Map([[key("a"), "1"]]));
  assert.deepEqual(await cache.getMany([key("a")]), ["1"]);
  await waitFor("it to be forgotten", async () => (await cache.getMany([key("a")]))[0] === undefined);
});

testOnRedis(
  "a Redis that falls silent is a miss within 200 ms, and then left alone for a while",
  async (cache, key, proxy) => {
    proxy.block();
    const first = await timed(() => cache.getMany([key("a")]));
    assert.deepEqual(first.value, [undefined]);
    assert.ok(first.ms >= 100 && first.ms < OUTAGE_MS, `${first.ms} ms`);
    const next = await timed(() => cache.setMany(new Map([[key("a"), "1"]])));
    assert.ok(next.ms < 50, `${next.ms} ms`);
    log.flush();
    assert.match(logged, /"level":"WARN".*cache is not responding, continuing without it/);
  },
);

testOnRedis(
  "a clock that goes back an hour does not keep the cache away for an hour",
  async (cache, key, proxy) => {
    proxy.block();
    using clock = takeWallClock();
    await cache.getMany([key("a")]);
    clock.aheadMs = -3_600_000;
    proxy.cut();
    proxy.unblock();
    await waitFor("the cache to be used again", async () => {
      await cache.setMany(new Map([[key("a"), "1"]]));
      return (await cache.getMany([key("a")]))[0] === "1";
    });
  },
);

testOnRedis("a connection that breaks comes up again by itself", async (cache, key, proxy) => {
  proxy.cut();
  await connected(cache);
  await waitFor("the cache to be used again", async () => {
    await cache.setMany(new Map([[key("a"), "1"]]));
    return (await cache.getMany([key("a")]))[0] === "1";
  });
});

Deno.test("a Redis that is not there is a miss at once, and its address is shown without the password", async () => {
  await using cache = openRedis({ url: "redis://:canary@127.0.0.1:1", ttlS: 1, log });
  const { value, ms } = await timed(() => cache.getMany(["a", "b"]));
  assert.deepEqual(value, [undefined, undefined]);
  assert.ok(ms < OUTAGE_MS);
  await assert.rejects(cache.ping());
  assert.equal(cache.name, "redis://127.0.0.1:1");
  log.flush();
  assert.doesNotMatch(logged, /canary/);
});
