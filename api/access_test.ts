import assert from "node:assert/strict";
import type { Database } from "../core/store/database.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createRateLimit } from "./rate_limit.ts";
import { openTestDatabase } from "../tests/support/databases.ts";
import { createKeyFile } from "../tests/support/key_file.ts";
import { getRequest, sendRaw } from "../tests/support/raw_http.ts";
import { openTestApp } from "../tests/support/test_app.ts";
import { waitFor } from "../tests/support/wait.ts";
import { makeKey, openKeys } from "./keys.ts";
import { type Api, type ApiOptions, startApi } from "./serve.ts";

const log = createLogger({ service: "test", write: () => {} });
const ada = makeKey({ name: "ada" });
const bob = makeKey({ name: "bob" });

/** Shared, since these tests store nothing. */
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

Deno.test("with keys, thoughts are for those who have one; health, metrics and documentation stay open", async () => {
  using file = createKeyFile("# who may", ada.line, "", bob.line);
  await using api = serve({ keys: openKeys({ paths: [file.path], log }) });
  assert.equal(await statusOf(list(api, { authorization: `Bearer ${ada.key}` })), 200);
  assert.equal(await statusOf(list(api, { authorization: `bearer ${bob.key}` })), 200);
  for (
    const headers of [
      {},
      { authorization: "Bearer wrong" },
      { authorization: `Basic ${ada.key}` },
      { "x-api-key": ada.key },
    ]
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

Deno.test("without keys the API listens on loopback only, unless told that it may", async () => {
  assert.throws(() => serve({}, "0.0.0.0"), /API_KEYS_FILE.*ALLOW_ANONYMOUS/);
  await using allowed = serve({ allowAnonymous: true }, "0.0.0.0");
  assert.equal(await statusOf(list(allowed)), 200);
});

Deno.test("without keys the API accepts only its own names, and no page whose name was made to point here", async () => {
  await using api = serve({ hosts: ["localhost", "[::1]"] });
  for (const host of ["localhost", "LocalHost:8000", "[::1]:8000"]) {
    assert.match(await calledAs(api, host), /^HTTP\/1\.1 200/, host);
  }
  for (const host of ["evil.example", "localhost.evil.example:8000", "127.0.0.1"]) {
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
  using file = createKeyFile(ada.line);
  await using api = serve({ hosts: ["localhost"], keys: openKeys({ paths: [file.path], log }) });
  const key = `authorization: Bearer ${ada.key}`;
  assert.match(await calledAs(api, "thoughts.example.com", "/thoughts?user_id=me", key), /^HTTP\/1\.1 200/);
});

/** The whole response to a request with this `Host`, which fetch would set itself. */
async function calledAs(api: Api, host: string, path = "/thoughts?user_id=me", ...headers: string[]) {
  return (await sendRaw(api.url, getRequest(path, `host: ${host}`, ...headers))).text;
}

Deno.test("a caller over the limit is told when to come back; others are served", async () => {
  using file = createKeyFile(ada.line, bob.line);
  await using rateLimit = createRateLimit({ perMinute: 3 });
  await using api = serve({ keys: openKeys({ paths: [file.path], log }), rateLimit });
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
  await using rateLimit = createRateLimit({ perMinute: 1 });
  await using trusting = serve({ rateLimit, trustProxy: true });
  const from = (list_: string) => statusOf(list(trusting, { "x-forwarded-for": list_ }));
  assert.equal(await from("6.6.6.6, 10.0.0.1"), 200);
  assert.equal(await from("7.7.7.7, 10.0.0.1"), 429, "what the client itself wrote changes nothing");
  assert.equal(await from("10.0.0.2"), 200);

  await using strict = createRateLimit({ perMinute: 1 });
  await using wary = serve({ rateLimit: strict });
  assert.equal(await statusOf(list(wary, { "x-forwarded-for": "10.0.0.3" })), 200);
  assert.equal(await statusOf(list(wary, { "x-forwarded-for": "10.0.0.4" })), 429);
});

Deno.test("addresses with ports, in other spellings and of one /64 count as one caller", async () => {
  for (
    const [first, second] of [
      ["10.0.0.1", "10.0.0.1:5678"],
      ["10.0.0.1", "::ffff:10.0.0.1"],
      ["10.0.0.1", "::FFFF:0a00:0001"],
      ["2001:db8::1", "[2001:DB8:0:0::1]:443"],
      ["2001:db8::1", "2001:db8:0:0:ffff::2"],
      ["fe80::1", "fe80::1%eth0"],
    ]
  ) {
    await using rateLimit = createRateLimit({ perMinute: 1 });
    await using api = serve({ rateLimit, trustProxy: true });
    assert.equal(await statusOf(list(api, { "x-forwarded-for": first! })), 200);
    assert.equal(await statusOf(list(api, { "x-forwarded-for": second! })), 429, `${first} is ${second}`);
    assert.equal(await statusOf(list(api, { "x-forwarded-for": "2001:db8:0:1::1" })), 200, "another /64");
  }
});

Deno.test("what is not an address in X-Forwarded-For does not count as another caller", async () => {
  await using rateLimit = createRateLimit({ perMinute: 1 });
  await using api = serve({ rateLimit, trustProxy: true });
  assert.equal(await statusOf(list(api, { "x-forwarded-for": "unknown" })), 200);
  assert.equal(await statusOf(list(api, { "x-forwarded-for": "_hidden" })), 429);
});

Deno.test("an address that keeps trying keys is told to wait; a valid key from there still works", async () => {
  using file = createKeyFile(ada.line);
  await using api = serve({ keys: openKeys({ paths: [file.path], log }) });
  const statuses = new Map<number, number>();
  for (let n = 0; n < 70; n++) {
    const status = await statusOf(list(api, { authorization: `Bearer guess${n}` }));
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
  }
  assert.deepEqual([...statuses], [[401, 60], [429, 10]]);
  assert.equal(await statusOf(list(api, { authorization: `Bearer ${ada.key}` })), 200);
});

Deno.test("a response says what is left of the limit, and when it resets", async () => {
  await using rateLimit = createRateLimit({ perMinute: 2 });
  await using api = serve({ rateLimit });
  const { headers, body } = await list(api);
  await body?.cancel();
  assert.equal(headers.get("ratelimit-policy"), '"requests";q=2;w=60');
  assert.match(headers.get("ratelimit")!, /^"requests";r=1;t=(60|59)$/);
});

Deno.test("a key reaches the thoughts of its user and does what its scopes allow, nothing more", async (t) => {
  const keys = {
    ada: makeKey({ name: "ada", user: "ada" }),
    eve: makeKey({ name: "eve", user: "eve" }),
    reader: makeKey({ name: "reader", user: "ada", scopes: ["read"] }),
    everybody: makeKey({ name: "everybody" }),
    alertmanager: makeKey({ name: "alertmanager", scopes: ["alerts"] }),
  };
  using file = createKeyFile(...Object.values(keys).map(({ line }) => line));
  await using api = await openTestApp({ access: { keys: openKeys({ paths: [file.path], log }) } });
  const as = (name: keyof typeof keys, method: string, path: string, body?: unknown) =>
    api.request(path, {
      method,
      headers: {
        authorization: `Bearer ${keys[name].key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const post = async (name: keyof typeof keys, userId: string) =>
    (await (await as(name, "POST", "/thoughts", { user_id: userId, text: "mine" })).json()).id as string;
  const adas = await post("ada", "ada");

  await t.step("another user's thought is as good as none", async () => {
    for (const [method, path] of [["GET", ""], ["DELETE", ""], ["GET", "/events"]]) {
      const response = await as("eve", method!, `/thoughts/${adas}${path}`);
      assert.equal(response.status, 404, `${method} ${path}`);
      const { request_id: _, ...theirs } = await response.json();
      const none = await as("eve", method!, `/thoughts/01890a5d-ac96-774b-bcce-b302099a8057${path}`);
      const { request_id: __, ...nobodys } = await none.json();
      assert.deepEqual(theirs, nobodys);
    }
    assert.equal((await as("eve", "GET", "/thoughts?user_id=ada")).status, 404);
    assert.deepEqual((await (await as("eve", "GET", "/thoughts")).json()).thoughts, []);
    assert.equal((await as("ada", "GET", `/thoughts/${adas}`)).status, 200, "it is still there");
  });

  await t.step("a thought waits among those of its key", async () => {
    const [{ flow } = {}] = await api.database.query("select flow from thoughts where id = $1::text::uuid", [
      adas,
    ]);
    assert.equal(flow, "ada");
  });

  await t.step("nobody posts in another user's name", async () => {
    const response = await as("eve", "POST", "/thoughts", { user_id: "ada", text: "not hers" });
    assert.equal(response.status, 403);
    assert.equal((await response.json()).errors[0].field, "user_id");
    const { thoughts } = await (await as("ada", "GET", "/thoughts")).json();
    assert.deepEqual(thoughts.map(({ id }: { id: string }) => id), [adas]);
  });

  await t.step("what a scope does not allow is 403 and names the scope", async () => {
    for (
      const [method, path, body, scope] of [
        ["POST", "/thoughts", { user_id: "ada", text: "x" }, "write"],
        ["DELETE", `/thoughts/${adas}`, undefined, "delete"],
        ["POST", "/alerts", { alerts: [] }, "alerts"],
      ] as const
    ) {
      const response = await as("reader", method, path, body);
      assert.equal(response.status, 403, path);
      assert.match((await response.json()).errors[0].message, new RegExp(`scope ${scope}`));
    }
    assert.equal((await as("everybody", "POST", "/alerts", { alerts: [] })).status, 403, "not by default");
    assert.equal((await as("alertmanager", "POST", "/alerts", { alerts: [] })).status, 204);
    assert.equal((await as("alertmanager", "GET", "/thoughts")).status, 403);
  });

  await t.step("a key for every user reaches all of them", async () => {
    const eves = await post("everybody", "eve");
    const { thoughts } = await (await as("everybody", "GET", "/thoughts")).json();
    assert.deepEqual(thoughts.map(({ id }: { id: string }) => id), [eves, adas]);
    assert.equal((await as("everybody", "DELETE", `/thoughts/${adas}`)).status, 204);
  });

  await t.step("access lines name the key, a deletion's line the thought", () => {
    const lines = api.lines();
    const deleted = lines.find(({ msg }) => msg === "thought deleted");
    assert.equal(deleted?.key, "everybody");
    assert.equal(deleted?.thought_id, adas);
    const refused = lines.find(({ msg, status, key }) =>
      msg === "request" && status === 403 && key === "eve"
    );
    assert.ok(refused, "a refused one too");
  });
});

Deno.test("a key taken away ends its streams within seconds, and no other's", async () => {
  using file = createKeyFile(ada.line, bob.line);
  const keys = openKeys({ paths: [file.path], log, everyMs: 5 });
  await using api = await openTestApp({ access: { keys } });
  const response = await api.post({ user_id: "ada", text: "x" }, { authorization: `Bearer ${ada.key}` });
  const { id } = await response.json();
  const follow = ({ key }: { key: string }) =>
    api.request(`/thoughts/${id}/events`, { headers: { authorization: `Bearer ${key}` } });
  const [adas, bobs] = [await follow(ada), await follow(bob)];
  file.write(bob.line);
  assert.match(await adas.text(), /event: pending/, "it ended");
  const reader = bobs.body!.getReader();
  await reader.read();
  await api.move(id, "completed");
  let rest = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    rest += new TextDecoder().decode(read.value);
  }
  assert.match(rest, /event: completed/);
});

Deno.test("access lines name the caller's address if configured, also of a refused one", async () => {
  for (const logAddresses of [true, false]) {
    const lines: string[] = [];
    const log = createLogger({ service: "test", write: (text) => lines.push(text) });
    using file = createKeyFile(ada.line);
    const access = { keys: openKeys({ paths: [file.path], log }), logAddresses };
    await using api = startApi({ database, log, host: "127.0.0.1", port: 0, access });
    assert.equal(await statusOf(list(api)), 401);
    await waitFor("the access line", () => (log.flush(), lines.join("").includes('"status":401')));
    assert.equal(lines.join("").includes('"address":"127.0.0.1"'), logAddresses);
  }
});
