import assert from "node:assert/strict";
import { connectRedis } from "../core/cache/redis.ts";
import { waitFor } from "../tests/support/wait.ts";
import { takeWallClock } from "../tests/support/wall_clock.ts";
import { createRateLimit } from "./rate_limit.ts";

Deno.test("a caller over the limit is not locked out for an hour when the clock goes back one", async () => {
  await using rateLimit = createRateLimit({ perMinute: 1 });
  assert.ok((await rateLimit.take("ada")).allowed);
  assert.ok(!(await rateLimit.take("ada")).allowed);
  using clock = takeWallClock();
  clock.aheadMs = -3_600_000;
  assert.ok((await rateLimit.take("ada")).allowed, "the old window is over");
  assert.ok((await rateLimit.take("ada")).allowed, "a new one");
  const { allowed, resetS } = await rateLimit.take("ada");
  assert.ok(!allowed && resetS <= 60, `${resetS} s`);
});

const redisUrl = Deno.env.get("TEST_REDIS_URL");
Deno.test({
  name: `API processes share their counts in Redis, and count for themselves while it is away${
    redisUrl === undefined ? " (skipped: no TEST_REDIS_URL)" : ""
  }`,
  ignore: redisUrl === undefined,
  async fn() {
    await using one = createRateLimit({ perMinute: 2, redis: { url: redisUrl! } });
    await using other = createRateLimit({ perMinute: 2, redis: { url: redisUrl! } });
    // Until its connection is up each counts for itself.
    await waitFor("the counts to be shared", async () => {
      const caller = crypto.randomUUID();
      await one.take(caller);
      await one.take(caller);
      return !(await other.take(caller)).allowed;
    }, { timeoutMs: 5_000 });

    const caller = crypto.randomUUID();
    await using lonely = createRateLimit({ perMinute: 1, redis: { url: "redis://127.0.0.1:9" } });
    assert.ok((await lonely.take(caller)).allowed);
    assert.ok(!(await lonely.take(caller)).allowed);
  },
});

Deno.test({
  name: `a window that Redis's clock has made an hour longer is restarted${
    redisUrl === undefined ? " (skipped: no TEST_REDIS_URL)" : ""
  }`,
  ignore: redisUrl === undefined,
  async fn() {
    await using rateLimit = createRateLimit({ perMinute: 1, redis: { url: redisUrl! } });
    const redis = connectRedis({ url: redisUrl! });
    using _connection = { [Symbol.dispose]: () => redis.disconnect() };
    const caller = await waitFor("a window in Redis", async () => {
      const caller = crypto.randomUUID();
      while ((await rateLimit.take(caller)).allowed);
      return await redis.pexpire(`rate:requests:${caller}`, 3_600_000) === 1 && caller;
    }, { timeoutMs: 5_000 });
    assert.ok((await rateLimit.take(caller)).allowed, "the old window is over");
    assert.ok((await rateLimit.take(caller)).allowed, "a new one");
    assert.ok(!(await rateLimit.take(caller)).allowed);
  },
});
