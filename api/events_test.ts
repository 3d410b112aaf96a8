import assert from "node:assert/strict";
import { startApi } from "./serve.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { DatabaseUnavailableError } from "../core/store/database.ts";
import { createRateLimit } from "./rate_limit.ts";
import { openTestDatabase } from "../tests/support/databases.ts";
import { aProgress } from "../tests/support/thoughts.ts";
import { openTestApp } from "../tests/support/test_app.ts";

/** The events of a stream that ends, by name and data. */
async function events(response: Response): Promise<{ name: string; data: Record<string, unknown> }[]> {
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream");
  const text = await response.text();
  return [...text.matchAll(/^id: (\w+)\nevent: (\w+)\ndata: (.*)\n\n/gm)].map(([, id, name, data]) => {
    assert.equal(id, name);
    return { name: name!, data: JSON.parse(data!) };
  });
}
const names = async (response: Response) => (await events(response)).map(({ name }) => name);

Deno.test("events", async (t) => {
  await using api = await openTestApp({ limits: { watch: { pollMs: 5, maxWatchers: 3, maxPerCaller: 3 } } });
  const follow = (id: string, headers: HeadersInit = {}) =>
    api.request(`/thoughts/${id}/events`, { headers });

  await t.step("a thought's states come in order, each once, and the stream ends", async () => {
    const id = await api.accepted("a");
    const response = await follow(id);
    await api.move(id, "processing");
    const read = events(response);
    await api.move(id, "completed");
    const got = await read;
    assert.deepEqual(got.map(({ name }) => name), ["pending", "processing", "completed"]);
    for (const { name, data } of got) {
      assert.equal(data.id, id);
      assert.equal(data.status, name);
    }
  });

  await t.step("a state that passed between two polls is filled in", async () => {
    const id = await api.accepted("a");
    const read = names(await follow(id));
    await api.move(id, "failed");
    assert.deepEqual(await read, ["pending", "processing", "failed"]);
  });

  await t.step("a finished thought's stream sends all states and ends at once", async () => {
    const id = await api.accepted("a");
    await api.move(id, "completed");
    assert.deepEqual(await names(await follow(id)), ["pending", "processing", "completed"]);
  });

  await t.step("a retry does not go back to pending", async () => {
    const id = await api.accepted("a");
    await api.move(id, "processing");
    const read = names(await follow(id));
    await api.move(id, "pending");
    await api.move(id, "completed");
    assert.deepEqual(await read, ["pending", "processing", "completed"]);
  });

  await t.step("a browser that comes back gets what is new, and 204 when nothing can be", async () => {
    const id = await api.accepted("a");
    await api.move(id, "completed");
    assert.deepEqual(await names(await follow(id, { "last-event-id": "processing" })), ["completed"]);
    assert.equal((await follow(id, { "last-event-id": "completed" })).status, 204);
    assert.equal((await names(await follow(id, { "last-event-id": "nonsense" }))).length, 3);
  });

  await t.step("a stream of a deleted thought ends", async () => {
    const id = await api.accepted("a");
    const read = names(await follow(id));
    await api.request(`/thoughts/${id}`, { method: "DELETE" });
    assert.deepEqual(await read, ["pending"]);
  });

  await t.step("HEAD opens no stream: it returns at once", async () => {
    const id = await api.accepted("a");
    for (let n = 0; n < 10; n++) {
      const head = await api.request(`/thoughts/${id}/events`, { method: "HEAD" });
      assert.equal(head.status, 200);
      assert.equal(head.headers.get("content-type"), "text/event-stream");
      assert.equal(await head.text(), "");
    }
    assert.equal(await api.metric('http_requests_inprogress{method="HEAD",route="/thoughts/:id/events"}'), 0);
    const open = await follow(id);
    assert.equal(open.status, 200, "every place is free");
    await open.body!.cancel();
    const none = "/thoughts/01890a5d-ac96-774b-bcce-b302099a8057/events";
    assert.equal((await api.request(none, { method: "HEAD" })).status, 404);
  });

  await t.step("a browser that has seen a failure gets the states of a redrive", async () => {
    const id = await api.accepted("a");
    const read = names(await follow(id, { "last-event-id": "failed" }));
    await api.move(id, "completed");
    assert.deepEqual(await read, ["pending", "processing", "completed"]);
  });

  await t.step("one watcher too many is refused; a place that is left is free again", async () => {
    const id = await api.accepted("a");
    const open = [await follow(id), await follow(id), await follow(id)];
    const refused = await follow(id);
    assert.equal(refused.status, 503);
    assert.equal((await refused.json()).type, "/problems/too-many-watchers");
    await open[0]!.body!.cancel();
    open[0] = await follow(id);
    assert.equal(open[0].status, 200);
    await api.move(id, "completed");
    for (const response of open) {
      assert.deepEqual(await names(response), ["pending", "processing", "completed"]);
    }
  });

  await t.step(
    "an open stream counts as in progress, and its latency is the time until it began",
    async () => {
      const inProgress = 'http_requests_inprogress{method="GET",route="/thoughts/:id/events"}';
      const durations =
        'http_request_duration_seconds_sum{method="GET",route="/thoughts/:id/events",status="200"}';
      const id = await api.accepted("a");
      const before = await api.metric(durations);
      const started = performance.now();
      const response = await follow(id);
      const answeredS = (performance.now() - started) / 1000;
      assert.equal(await api.metric(inProgress), 1);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await api.move(id, "completed");
      await names(response);
      assert.equal(await api.metric(inProgress), 0);
      assert.ok((await api.metric(durations))! - before! <= answeredS);
    },
  );
});

Deno.test("one caller's streams leave places for the others", async () => {
  await using rateLimit = createRateLimit({ perMinute: 100 });
  await using api = await openTestApp({
    access: { rateLimit, trustProxy: true },
    limits: { watch: { pollMs: 5, maxWatchers: 8 } },
  });
  const id = await api.accepted("a");
  const follow = (address: string) =>
    api.request(`/thoughts/${id}/events`, { headers: { "x-forwarded-for": address } });
  const open = [await follow("10.0.0.1"), await follow("10.0.0.1")];
  const refused = await follow("10.0.0.1");
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get("retry-after"), "10");
  assert.match((await refused.json()).type, /too-many-own-streams$/);
  open.push(await follow("10.0.0.2"));
  assert.deepEqual(open.map(({ status }) => status), [200, 200, 200]);
  await open[0]!.body!.cancel();
  open[0] = await follow("10.0.0.1");
  assert.equal(open[0].status, 200, "a place that is left is free again");
  await api.move(id, "completed");
  await Promise.all(open.map((response) => response.text()));
});

Deno.test("a poll of the database that fails is repeated; no stream breaks", async () => {
  let looks = 0;
  const id = "01890a5d-ac96-774b-bcce-b302099a8057";
  const at = (status: "pending" | "completed") => [aProgress({ id, status, attempts: 1 })];
  await using api = await openTestApp({
    kind: "away",
    limits: { watch: { pollMs: 1 } },
    store: {
      progress() {
        if (++looks === 2) return Promise.reject(new DatabaseUnavailableError("PostgreSQL: gone"));
        return Promise.resolve(at(looks < 4 ? "pending" : "completed"));
      },
    },
  });
  assert.deepEqual(await names(await api.request(`/thoughts/${id}/events`)), [
    "pending",
    "processing",
    "completed",
  ]);
  assert.ok(api.lines().some((line) => line.level === "WARN" && /gone/.test(String(line.reason))));
});

Deno.test("watchers of many thoughts share one query per poll, and without any there is none", async () => {
  const asked: number[] = [];
  let status: "pending" | "completed" = "pending";
  await using api = await openTestApp({
    kind: "away",
    limits: { watch: { pollMs: 1 } },
    store: {
      progress(ids) {
        asked.push(ids.length);
        return Promise.resolve(ids.map((id) => aProgress({ id, status })));
      },
    },
  });
  const ids = Array.from({ length: 50 }, () => crypto.randomUUID());
  const open = await Promise.all(ids.map((id) => api.request(`/thoughts/${id}/events`)));
  const opened = asked.length;
  while (asked.length < opened + 3) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.deepEqual(asked.slice(-2), [50, 50]);
  status = "completed";
  await Promise.all(open.map((response) => response.text()));
  const ended = asked.length;
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(asked.length, ended);
});

Deno.test("streams keep alive, and end at their deadline", async () => {
  await using api = await openTestApp({
    kind: "away",
    limits: { events: { keepAliveMs: 10, deadlineMs: 400 } },
    store: {
      progress: (ids) => Promise.resolve(ids.map((id) => aProgress({ id }))),
    },
  });
  const response = await api.request(`/thoughts/${crypto.randomUUID()}/events`);
  const text = await response.text();
  assert.match(text, /^retry: 2000\n\nid: pending\nevent: pending\ndata: .*\n\n(:\n\n){2,}$/);
});

Deno.test("over a socket: a stream that its browser leaves frees its place, and a stop ends the others", async () => {
  await using database = await openTestDatabase("pglite");
  const log = createLogger({ service: "test", write: () => {} });
  const api = startApi({ database, log, host: "127.0.0.1", port: 0 });
  const inProgress = async () => {
    const text = await (await fetch(`${api.url}/metrics`)).text();
    return Number(
      /^http_requests_inprogress\{method="GET",route="\/thoughts\/:id\/events"\} (\d+)/m.exec(text)![1],
    );
  };
  const { id } = await (await fetch(`${api.url}/thoughts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user_id: "ada", text: "a" }),
  })).json();
  const leaving = new AbortController();
  const left = await fetch(`${api.url}/thoughts/${id}/events`, { signal: leaving.signal });
  const stays = await fetch(`${api.url}/thoughts/${id}/events`);
  assert.equal(await inProgress(), 2);
  leaving.abort();
  await left.body?.cancel().catch(() => {});
  while (await inProgress() > 1) await new Promise((resolve) => setTimeout(resolve, 5));
  const stopped = api[Symbol.asyncDispose]();
  assert.deepEqual(await names(stays), ["pending"]);
  await stopped;
  await assert.rejects(fetch(`${api.url}/health/live`), "no new connection is taken");
});
