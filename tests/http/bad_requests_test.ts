/**
 * Bad input, against a real server on a socket: the right status, a message that names the field, never a
 * 500.
 */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect } from "node:net";
import { BODY_BYTES } from "../../api/app.ts";
import { startApi } from "../../api/serve.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { LIMITS } from "../../core/thought.ts";
import { openTestDatabase } from "../support/databases.ts";

interface BadRequest {
  readonly name: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly body?: BodyInit;
  readonly status: number;
  /** The field that the response must name. */
  readonly field?: string;
}

const JSON_HEADERS = { "content-type": "application/json" };
const GOOD = { user_id: "ada", text: "a thought" };

/** A thought with something wrong in it. */
const post = (name: string, change: unknown, field: string, status = 400): BadRequest => ({
  name,
  body: JSON.stringify(
    typeof change === "object" && !Array.isArray(change) ? { ...GOOD, ...change } : change,
  ),
  field,
  status,
});
/** A body as it is. */
const raw = (name: string, body: BodyInit, field = "body", status = 400): BadRequest => ({
  name,
  body,
  field,
  status,
});
const get = (path: string, field: string, status = 400): BadRequest => ({
  name: `GET ${path.slice(0, 60)}`,
  method: "GET",
  path,
  field,
  status,
});
const type = (value: string): BadRequest => ({
  name: `content type "${value}"`,
  headers: { "content-type": value },
  body: JSON.stringify(GOOD),
  field: "header.content-type",
  status: 415,
});
const key = (name: string, value: string): BadRequest => ({
  name: `Idempotency-Key: ${name}`,
  headers: { ...JSON_HEADERS, "idempotency-key": value },
  body: JSON.stringify(GOOD),
  field: "header.idempotency-key",
  status: 400,
});
const wrongMethod = (method: string, path: string): BadRequest => ({
  name: `${method} ${path}`,
  method,
  path,
  status: 405,
});

function chunked(bytes: number): ReadableStream<Uint8Array> {
  let left = bytes;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      controller.enqueue(new Uint8Array(Math.min(left, 8192)).fill(32));
      left -= 8192;
    },
  });
}

const NO_THOUGHT = "01890a5d-ac96-774b-bcce-b302099a8057";

const BAD_REQUESTS: readonly BadRequest[] = [
  post("text missing", { text: undefined }, "text"),
  post("text null", { text: null }, "text"),
  post("text a number", { text: 5 }, "text"),
  post("text an array", { text: ["a"] }, "text"),
  post("text an object", { text: { a: "b" } }, "text"),
  post("text empty", { text: "" }, "text"),
  post("text blank", { text: " \n\t" }, "text"),
  post("text too long", { text: "x".repeat(LIMITS.textChars + 1) }, "text"),
  post("text of one emoji too many", { text: "🧠".repeat(LIMITS.textChars + 1) }, "text"),
  post("text with NUL", { text: "a\0b" }, "text"),
  raw("text with a lone high surrogate", '{"user_id":"ada","text":"a\\ud800b"}', "text"),
  raw("text with a lone low surrogate", '{"user_id":"ada","text":"\\udc00"}', "text"),
  post("user_id missing", { user_id: undefined }, "user_id"),
  post("user_id a boolean", { user_id: true }, "user_id"),
  post("user_id empty", { user_id: "" }, "user_id"),
  post("user_id too long", { user_id: "u".repeat(LIMITS.userIdChars + 1) }, "user_id"),
  post("user_id with NUL", { user_id: "\0" }, "user_id"),
  post("context a number", { context: 1 }, "context"),
  post("context too long", { context: "c".repeat(LIMITS.contextChars + 1) }, "context"),
  post("an unknown field", { texts: "a" }, "texts"),
  post("a field the server sets", { status: "completed" }, "status"),
  raw("__proto__ as a field", '{"user_id":"ada","text":"a","__proto__":{"admin":true}}', "__proto__"),
  raw("a key twice", '{"user_id":"ada","text":"a","text":"b"}', "text"),
  raw("a key twice, once escaped", '{"user_id":"ada","text":"a","te\\u0078t":"b"}', "text"),
  raw("a key twice, the first of a wrong type", '{"text":[1],"user_id":"ada","text":"b"}', "text"),
  raw("null", "null"),
  post("an array", [GOOD], "body"),
  post("a string", "thought", "body"),
  post("a number", 1, "body"),
  raw("an empty body", ""),
  raw("half a JSON", '{"user_id":"ada","text":"a'),
  raw("not JSON", "user_id=ada"),
  raw("two JSON values", "{}{}"),
  raw("single quotes", "{'user_id':'ada'}"),
  raw("NaN", '{"user_id":"ada","text":NaN}'),
  raw(
    "bad UTF-8",
    new Uint8Array([...new TextEncoder().encode('{"user_id":"ada","text":"'), 0xff, 0x22, 0x7d]),
  ),
  raw("cut UTF-8", new Uint8Array([0x22, 0xe2, 0x82])),
  raw("UTF-16", new Uint8Array(Buffer.from(JSON.stringify(GOOD), "utf16le"))),
  raw("nested ten thousand deep", "[".repeat(10_000) + "]".repeat(10_000)),
  raw("one byte over the limit", " ".repeat(BODY_BYTES + 1), "body", 413),
  raw("chunked, over the limit", chunked(BODY_BYTES + 1), "body", 413),
  raw("chunked, far over the limit", chunked(50 * BODY_BYTES), "body", 413),
  type("text/plain"),
  type("application/x-www-form-urlencoded"),
  type("application/json; charset=latin1"),
  type("application/jsonp"),
  type("multipart/form-data; boundary=x"),
  ...["gzip", "br", "deflate, gzip"].map((encoding): BadRequest => ({
    name: `content encoding ${encoding}`,
    headers: { ...JSON_HEADERS, "content-encoding": encoding },
    body: JSON.stringify(GOOD),
    field: "header.content-encoding",
    status: 415,
  })),
  {
    name: "no content type",
    headers: {},
    body: new Uint8Array([123, 125]),
    field: "header.content-type",
    status: 415,
  },
  key("empty", ""),
  key("with a comma, as two lines are joined", "a, b"),
  key("too long", "k".repeat(LIMITS.idempotencyKeyChars + 1)),
  key("not ASCII", "clé"),
  get("/thoughts/1", "path.id"),
  get("/thoughts/not-a-uuid", "path.id"),
  get(`/thoughts/${NO_THOUGHT}0`, "path.id"),
  get("/thoughts/%ff%fe", "path.id"),
  get("/thoughts/%00", "path.id"),
  get("/thoughts/'%20or%201=1", "path.id"),
  get("/thoughts/1/events", "path.id"),
  { name: "DELETE of a bad id", method: "DELETE", path: "/thoughts/1", field: "path.id", status: 400 },
  get("/thoughts?limit=0", "query.limit"),
  get("/thoughts?limit=101", "query.limit"),
  get("/thoughts?limit=-1", "query.limit"),
  get("/thoughts?limit=1.5", "query.limit"),
  get("/thoughts?limit=ten", "query.limit"),
  get("/thoughts?limit=", "query.limit"),
  get("/thoughts?limit=1&limit=2", "query.limit"),
  get("/thoughts?limit=99999999999999999999", "query.limit"),
  get("/thoughts?status=done", "query.status"),
  get("/thoughts?cursor=abc", "query.cursor"),
  get("/thoughts?cursor=!!!!!!!!!!!!!!!!!!!!!!", "query.cursor"),
  get(`/thoughts?cursor=${"A".repeat(21)}B`, "query.cursor"),
  get("/thoughts?user_id=", "query.user_id"),
  get("/thoughts?user_id=%00", "query.user_id"),
  get(`/thoughts?user_id=${"u".repeat(LIMITS.userIdChars + 1)}`, "query.user_id"),
  get("/thoughts?user_id=%ff", "query.user_id"),
  get("/thoughts?user_id=%f", "query.user_id"),
  get("/thoughts?user_id=a%00", "query.user_id"),
  get("/thoughts?%ff=1", "query.%ff"),
  get("/thoughts?order=random", "query.order"),
  { name: "GET of no thought", method: "GET", path: `/thoughts/${NO_THOUGHT}`, status: 404 },
  { name: "events of no thought", method: "GET", path: `/thoughts/${NO_THOUGHT}/events`, status: 404 },
  { name: "DELETE of no thought", method: "DELETE", path: `/thoughts/${NO_THOUGHT}`, status: 404 },
  { name: "unknown route", method: "GET", path: "/thought", status: 404 },
  { name: "route with a slash too many", method: "GET", path: "/thoughts/", status: 404 },
  { name: "a file outside", method: "GET", path: "/docs/..%2f..%2fdeno.json", status: 404 },
  wrongMethod("PUT", "/thoughts"),
  wrongMethod("PATCH", `/thoughts/${NO_THOUGHT}`),
  wrongMethod("POST", `/thoughts/${NO_THOUGHT}`),
  wrongMethod("DELETE", "/metrics"),
  wrongMethod("BREW", "/thoughts"),
  wrongMethod("POST", "/"),
  wrongMethod("POST", "/openapi.json"),
  wrongMethod("PUT", "/docs"),
  wrongMethod("DELETE", "/live/page.js"),
  wrongMethod("POST", "/docs/swagger-ui.js"),
  wrongMethod("PATCH", "/samples"),
  {
    name: "alerts not a notification",
    path: "/alerts",
    body: '{"alerts":[{"status":"burning","labels":{}}]}',
    field: "alerts.0.status",
    status: 400,
  },
  { name: "alerts without alerts", path: "/alerts", body: "{}", field: "alerts", status: 400 },
  {
    name: "alerts too large",
    path: "/alerts",
    body: " ".repeat(1024 * 1024 + 1),
    field: "body",
    status: 413,
  },
];

Deno.test("bad requests", async (t) => {
  const lines: string[] = [];
  const log = createLogger({ service: "test", write: (line) => lines.push(line) });
  await using database = await openTestDatabase("pglite");
  await using api = startApi({ database, log, host: "127.0.0.1", port: 0 });

  assert.ok(BAD_REQUESTS.length >= 40, "there are at least 40");
  for (const { name, method = "POST", path = "/thoughts", headers, body, status, field } of BAD_REQUESTS) {
    await t.step(`${name} is answered ${status}${field ? ` naming ${field}` : ""}`, async () => {
      const response = await fetch(api.url + path, {
        method,
        headers: headers ?? JSON_HEADERS,
        body: body ?? null,
      });
      const text = await response.text();
      assert.equal(response.status, status, text);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      const problem = JSON.parse(text);
      assert.equal(problem.status, status);
      assert.equal(problem.request_id, response.headers.get("x-request-id"));
      assert.equal(response.headers.get("x-content-type-options"), "nosniff");
      const fields = (problem.errors ?? []).map((error: { field: string }) => error.field);
      if (field !== undefined) assert.ok(fields.includes(field), `${field} is not among ${fields}`);
      if (status === 405) assert.match(response.headers.get("allow") ?? "", /GET|POST|DELETE/);
    });
  }

  await t.step("a body that stalls is answered 408", async () => {
    await using slow = startApi({
      database,
      log,
      host: "127.0.0.1",
      port: 0,
      limits: { bodyTimeoutMs: 100 },
    });
    const answer = await speak(
      slow.url,
      "POST /thoughts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
    );
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.match(answer, /"field":"body"/);
  });
  await t.step("a huge header is refused", async () => {
    const answer = await speak(
      api.url,
      `GET /thoughts HTTP/1.1\r\nhost: x\r\nx-huge: ${"x".repeat(1 << 20)}\r\n\r\n`,
    );
    assert.match(answer, /^(HTTP\/1\.1 4\d\d |$)/);
  });
  await t.step("what is not HTTP is refused", async () => {
    assert.match(await speak(api.url, "\x16\x03\x01\x02\0\x01\0\r\n\r\n"), /^(HTTP\/1\.1 400 |$)/);
  });
  await t.step("a body that breaks off affects no other request", async () => {
    await speak(
      api.url,
      "POST /thoughts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{",
      { hangUp: true },
    );
    assert.equal((await (await fetch(`${api.url}/health/ready`)).json()).status, "up");
  });

  await t.step("no thought was stored and nothing failed", async () => {
    const { thoughts } = await (await fetch(`${api.url}/thoughts`)).json();
    assert.deepEqual(thoughts, []);
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    const failed = [...metrics.matchAll(/^http_requests_total\{.*status="5\d\d"\} [^0].*$/gm)];
    assert.deepEqual(failed.map(String), []);
    log.flush();
    assert.doesNotMatch(lines.join(""), /"level":"ERROR"/);
  });
  await t.step("the metrics grew no label value from it", async () => {
    const metrics = await (await fetch(`${api.url}/metrics`)).text();
    const routes = new Set([...metrics.matchAll(/route="([^"]*)"/g)].map(([, route]) => route));
    for (const route of routes) assert.match(route!, /^(unmatched|\/[a-z.:/]*)$/);
    assert.match(metrics, /method="OTHER",route="\/thoughts",status="405"/);
    assert.doesNotMatch(metrics, /BREW/);
  });
});

/** Sends bytes over a socket and returns what comes back until the other side has responded or hung up. */
function speak(url: string, request: string, { hangUp = false } = {}): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(Number(port), hostname, () => {
      socket.write(request);
      if (hangUp) socket.end();
    });
    socket.on("data", (data) => {
      answer += data;
      if (/\r\n\r\n(.|\n)*/.test(answer)) socket.destroy();
    });
    socket.on("error", () => {}); // a reset is a response too
    socket.on("close", () => resolve(answer));
  });
}
