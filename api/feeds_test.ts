import assert from "node:assert/strict";
import { within } from "../core/deadline.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createKeyFile } from "../tests/support/key_file.ts";
import { DATABASES, openTestApp } from "../tests/support/test_app.ts";
import { makeKey, openKeys } from "./keys.ts";

interface Event {
  /** Where to begin after a reconnect. */
  readonly at: string;
  readonly id: string;
  readonly status: string;
}

/** Reads a stream's events one by one. */
function reading(response: Response) {
  assert.equal(response.status, 200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  async function next(): Promise<Event> {
    for (;;) {
      const [whole, at, data] = /^id: (.*)\nevent: .*\ndata: (.*)\n\n/m.exec(held) ?? [];
      if (whole !== undefined) {
        held = held.slice(held.indexOf(whole) + whole.length);
        const { id, status } = JSON.parse(data!);
        return { at: at!, id, status };
      }
      const { value, done } = await within(10_000, "The stream", reader.read());
      if (done) throw new Error("The stream has ended");
      held += value;
    }
  }
  return { next, cancel: () => reader.cancel() };
}

for (const { kind, ignore } of DATABASES) {
  Deno.test({ name: `events of a user on ${kind}`, ignore }, async (t) => {
    await using api = await openTestApp({
      kind,
      limits: { feeds: { pollMs: 5, maxUsers: 2 }, watch: { maxPerCaller: 3 } },
    });
    const follow = (userId: string, headers: HeadersInit = {}) =>
      api.request(`/events?user_id=${userId}`, { headers });

    await t.step("each change of any thought of theirs is told, nobody else's", async () => {
      const before = await api.accepted("before", "ada");
      const feed = reading(await follow("ada"));
      assert.deepEqual([(await feed.next()).id], [before], "of the last seconds");
      await api.accepted("not hers", "grace");
      const first = await api.accepted("first", "ada");
      assert.deepEqual(await feed.next(), { at: first, id: first, status: "pending" });
      const second = await api.accepted("second", "ada");
      assert.equal((await feed.next()).id, second);
      for (const [id, status] of [[first, "processing"], [second, "completed"], [first, "failed"]] as const) {
        await api.move(id, status);
        assert.deepEqual(await feed.next(), { at: second, id, status });
      }
      await feed.cancel();
    });

    await t.step(
      "two who follow one user hear the same; one that comes back gets what it missed",
      async () => {
        const one = reading(await follow("lin"));
        const first = await api.accepted("first", "lin");
        const { at } = await one.next();
        await one.cancel();
        await api.move(first, "completed");
        const second = await api.accepted("second", "lin");
        await api.database.query("update thoughts set created_at = created_at - interval '1 hour'");
        const again = reading(await follow("lin", { "last-event-id": at }));
        const other = reading(await follow("lin"));
        for (const feed of [again, other]) {
          assert.deepEqual([await feed.next(), await feed.next()].map(({ id, status }) => [id, status]), [
            [first, "completed"],
            [second, "pending"],
          ]);
        }
        await api.move(second, "processing");
        for (const feed of [again, other]) assert.equal((await feed.next()).status, "processing");
        await Promise.all([again.cancel(), other.cancel()]);
      },
    );

    await t.step("a thousand at once are all told", async () => {
      const feed = reading(await follow("bulk"));
      const thoughts = Array.from({ length: 1_000 }, (_, at) => ({ user_id: "bulk", text: `thought ${at}` }));
      const response = await api.request("/thoughts/bulk", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ thoughts }),
      });
      await response.body?.cancel();
      const told = new Set<string>();
      while (told.size < 1_000) told.add((await feed.next()).id);
      await feed.cancel();
    });

    await t.step(
      "streams of users count with the others; HEAD opens none; places come free again",
      async () => {
        for (let n = 0; n < 5; n++) {
          const head = await api.request("/events?user_id=ada", { method: "HEAD" });
          assert.equal(head.status, 200);
        }
        const open = [await follow("ada"), await follow("ada"), await follow("grace")];
        assert.deepEqual(open.map(({ status }) => status), [200, 200, 200]);
        const refused = await follow("ada");
        assert.equal((await refused.json()).code, "too-many-own-streams");
        await open.pop()!.body!.cancel();
        const [third, fourth] = [await follow("grace"), await follow("lin")];
        assert.equal((await fourth.json()).code, "too-many-own-streams");
        await open.pop()!.body!.cancel();
        const tooMany = await follow("lin");
        assert.equal((await tooMany.json()).code, "too-many-watchers", "a third user");
        const free = await follow("ada");
        assert.equal(free.status, 200, "who was refused holds no place");
        await Promise.all([...open, third, free].map((response) => response.body!.cancel()));
      },
    );
  });
}

Deno.test("a key follows its own user, and nobody else", async () => {
  const { key, line } = makeKey({ name: "ada", user: "ada" });
  const everybody = makeKey({ name: "ops" });
  using file = createKeyFile(line, everybody.line);
  using keys = openKeys({ paths: [file.path], log: createLogger({ service: "test", write: () => {} }) });
  await using api = await openTestApp({ access: { keys } });
  const request = (path: string, key: string) =>
    api.request(path, { headers: { authorization: `Bearer ${key}` } });
  const own = await request("/events", key);
  assert.equal(own.status, 200);
  assert.equal((await request("/events?user_id=grace", key)).status, 404);
  const unnamed = await request("/events", everybody.key);
  assert.equal((await unnamed.json()).errors[0].field, "query.user_id");
  const read = own.text();
  file.write(everybody.line);
  await read; // the stream ends with its key
});

Deno.test("a feed whose database is away ends, so that its client comes back later", async () => {
  await using api = await openTestApp({ kind: "away", limits: { feeds: { pollMs: 5 } } });
  const response = await api.request("/events?user_id=ada");
  assert.equal(await response.text(), "retry: 2000\n\n");
});
