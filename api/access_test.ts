import assert from "node:assert/strict";
import type { Database } from "../core/store/database.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createRateLimit } from "./rate_limit.ts";
import { connectRedis } from "../core/cache/redis.ts";
import { openTestDatabase } from "../tests/support/databases.ts";
import { waitFor } from "../tests/support/wait.ts";
import { takeWallClock } from "../tests/support/wall_clock.ts";
import { makeKey, openKeys } from "./keys.ts";
import { type Api, type ApiOptions, startApi } from "./serve.ts";

const log = createLogger({ service: "test", write: () => {} });
const ada = makeKey("ada");
const bob = makeKey("bob");

/** Shared: what is tested here stores nothing. */
const database: Database = await openTestDatabase("pglite");

function serve(access: NonNullable<ApiOptions["access"]>, host = "127.0.0.1"): Api {
  return startApi({ database, log, host, port: 0, access });
}

function list(api: Api, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(`${api.url}/thoughts`, { headers });
}

const statusOf = async (answer: Promise<Response>) => {
  const response = await answer;
  await response.body?.cancel();
  return response.status;
};

/** A key file that can be changed; its time of change moves by a second each time, whatever the clock does. */
class KeyFile implements Disposable {
  readonly path = Deno.makeTempFileSync();
  #changes = 0;
  constructor(...lines: string[]) {
    this.write(...lines);
  }
  write(...lines: string[]) {
    Deno.writeTextFileSync(this.path, lines.join("\n"));
    const at = new Date(1_700_000_000_000 + 1_000 * this.#changes++);
    Deno.utimeSync(this.path, at, at);
  }
  [Symbol.dispose]() {
    Deno.removeSync(this.path);
  }
}

Deno.test("with keys, thoughts are for those who have one; health, metrics and documentation stay open", async () => {
  using file = new KeyFile("# who may", ada.line, "", bob.line);
  await using api = serve({ keys: openKeys(file.path, log) });
  assert.equal(await statusOf(list(api, { authorization: `Bearer ${ada.key}` })), 200);
  assert.equal(await statusOf(list(api, { "x-api-key": bob.key })), 200);
  for (
    const headers of [{}, { authorization: "Bearer wrong" }, { authorization: `Basic ${ada.key}` }, {
      "x-api-key": "",
    }]
  ) {
    const response = await list(api, headers as Record<string, string>);
    assert.equal(response.status, 401);
    assert.match(response.headers.get("www-authenticate")!, /^Bearer/);
    assert.equal((await response.json()).errors[0].field, "header.authorization");
  }
  for (const path of ["/alerts", "/thoughts"]) {
    assert.equal(await statusOf(fetch(`${api.url}${path}`, { method: "POST", body: "{}" })), 401, path);
  }
  for (const path of ["/health/live", "/health/ready", "/metrics", "/openapi.json", "/docs"]) {
    assert.equal(await statusOf(fetch(`${api.url}${path}`)), 200, path);
  }
});

Deno.test("keys come and go with their file, without a restart; a broken file leaves the old ones in force", () => {
  using file = new KeyFile(ada.line);
  let now = 0;
  const keys = openKeys(file.path, log, () => now);
  assert.equal(keys.nameOf(ada.key), "ada");
  assert.equal(keys.nameOf(bob.key), undefined);

  file.write(bob.line);
  now += 1_000;
  assert.equal(keys.nameOf(ada.key), undefined);
  assert.equal(keys.nameOf(bob.key), "bob");

  file.write("this is no key");
  now += 1_000;
  assert.equal(keys.nameOf(bob.key), "bob");
});

Deno.test("a key taken away is refused although the clock has gone back an hour", async () => {
  using file = new KeyFile(ada.line);
  using clock = takeWallClock();
  const keys = openKeys(file.path, log);
  clock.aheadMs = -3_600_000;
  file.write(bob.line);
  await waitFor("the key to be refused", () => keys.nameOf(ada.key) === undefined, { timeoutMs: 5_000 });
});

Deno.test("a key file that lets nobody in, or can't be read, is refused at start", () => {
  using empty = new KeyFile("# nobody yet");
  using wrong = new KeyFile(ada.line, "bob:abc");
  assert.throws(() => openKeys(empty.path, log), /holds no key.*deno task key/);
  assert.throws(() => openKeys(wrong.path, log), /:2 is no key/);
  assert.throws(() => openKeys("/nowhere", log), Deno.errors.NotFound);
  assert.throws(() => makeKey("two words"), RangeError);
});

Deno.test("without keys the API listens on loopback only, unless told that it may", async () => {
  assert.throws(() => serve({}, "0.0.0.0"), /API_KEYS_FILE.*ALLOW_ANONYMOUS/);
  await using allowed = serve({ allowAnonymous: true }, "0.0.0.0");
  assert.equal(await statusOf(list(allowed)), 200);
});

Deno.test("without keys the API answers only to its own names: no page whose name was made to point here", async () => {
  await using api = serve({ hosts: ["localhost", "[::1]"] });
  for (const host of ["localhost", "LocalHost:8000", "[::1]:8000"]) {
    assert.match(await calledAs(api, host), /^HTTP\/1\.1 200/, host);
  }
  for (const host of ["evil.example", "localhost.evil.example:8000", "127.0.0.1", "::1"]) {
    const answer = await calledAs(api, host);
    assert.match(answer, /^HTTP\/1\.1 421[\s\S]*header\.host[\s\S]*ALLOWED_HOSTS: localhost/, host);
  }
  assert.match(
    await calledAs(api, "evil.example", "/health/live"),
    /^HTTP\/1\.1 200/,
    "tells nothing of thoughts",
  );
});

Deno.test("with keys any name will do: no page of another site has one", async () => {
  using file = new KeyFile(ada.line);
  await using api = serve({ hosts: ["localhost"], keys: openKeys(file.path, log) });
  const key = `authorization: Bearer ${ada.key}\r\n`;
  assert.match(await calledAs(api, "thoughts.example.com", "/thoughts?user_id=me", key), /^HTTP\/1\.1 200/);
});

/** The whole answer to a request with this `Host`, which fetch would choose by itself. */
async function calledAs(
  api: Api,
  host: string,
  path = "/thoughts?user_id=me",
  headers = "",
): Promise<string> {
  using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(new URL(api.url).port) });
  const request = `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${headers}connection: close\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  return await new Response(connection.readable).text();
}

Deno.test("a caller over the limit is told when to come back; the others go on", async () => {
  using file = new KeyFile(ada.line, bob.line);
  await using rateLimit = createRateLimit(3);
  await using api = serve({ keys: openKeys(file.path, log), rateLimit });
  const asAda = { authorization: `Bearer ${ada.key}` };
  for (let i = 0; i < 3; i++) assert.equal(await statusOf(list(api, asAda)), 200);
  const refused = await list(api, asAda);
  assert.equal(refused.status, 429);
  assert.ok(Number(refused.headers.get("retry-after")) >= 1);
  assert.match((await refused.json()).type, /rate-limited/);
  assert.equal(await statusOf(list(api, { authorization: `Bearer ${bob.key}` })), 200);
  assert.equal(await statusOf(fetch(`${api.url}/health/live`)), 200);
});

Deno.test("X-Forwarded-For counts only behind a trusted proxy, and only its last address", async () => {
  await using rateLimit = createRateLimit(1);
  await using trusting = serve({ rateLimit, trustProxy: true });
  const from = (list_: string) => statusOf(list(trusting, { "x-forwarded-for": list_ }));
  assert.equal(await from("6.6.6.6, 10.0.0.1"), 200);
  assert.equal(await from("7.7.7.7, 10.0.0.1"), 429, "what the client itself wrote changes nothing");
  assert.equal(await from("10.0.0.2"), 200);

  await using strict = createRateLimit(1);
  await using wary = serve({ rateLimit: strict });
  assert.equal(await statusOf(list(wary, { "x-forwarded-for": "10.0.0.3" })), 200);
  assert.equal(await statusOf(list(wary, { "x-forwarded-for": "10.0.0.4" })), 429);
});

Deno.test("a caller over the limit is not locked out for an hour when the clock goes back one", async () => {
  await using rateLimit = createRateLimit(1);
  assert.equal(await rateLimit.take("ada"), 0);
  assert.ok(await rateLimit.take("ada") > 0);
  using clock = takeWallClock();
  clock.aheadMs = -3_600_000;
  assert.equal(await rateLimit.take("ada"), 0, "the old window is over");
  assert.equal(await rateLimit.take("ada"), 0, "a new one");
  const waitS = await rateLimit.take("ada");
  assert.ok(waitS > 0 && waitS <= 60, `${waitS} s`);
});

const redisUrl = Deno.env.get("TEST_REDIS_URL");
Deno.test({
  name: `API processes share their counts in Redis, and count for themselves while it is away${
    redisUrl === undefined ? " (skipped: no TEST_REDIS_URL)" : ""
  }`,
  ignore: redisUrl === undefined,
  async fn() {
    await using one = createRateLimit(2, { url: redisUrl! });
    await using other = createRateLimit(2, { url: redisUrl! });
    // Until its connection is up each counts for itself.
    await waitFor("the counts to be shared", async () => {
      const caller = crypto.randomUUID();
      return await one.take(caller) + await one.take(caller) === 0 && await other.take(caller) > 0;
    }, { timeoutMs: 5_000 });

    const caller = crypto.randomUUID();
    await using lonely = createRateLimit(1, { url: "redis://127.0.0.1:9" });
    assert.equal(await lonely.take(caller), 0);
    assert.ok(await lonely.take(caller) > 0);
  },
});

Deno.test({
  name: `a window that Redis's clock has made an hour longer is begun anew${
    redisUrl === undefined ? " (skipped: no TEST_REDIS_URL)" : ""
  }`,
  ignore: redisUrl === undefined,
  async fn() {
    await using rateLimit = createRateLimit(1, { url: redisUrl! });
    const redis = connectRedis({ url: redisUrl! });
    using _connection = { [Symbol.dispose]: () => redis.disconnect() };
    const caller = await waitFor("a window in Redis", async () => {
      const caller = crypto.randomUUID();
      while (await rateLimit.take(caller) === 0);
      return await redis.pexpire(`rate:${caller}`, 3_600_000) === 1 && caller;
    }, { timeoutMs: 5_000 });
    assert.equal(await rateLimit.take(caller), 0, "the old window is over");
    assert.equal(await rateLimit.take(caller), 0, "a new one");
    assert.ok(await rateLimit.take(caller) > 0);
  },
});
