import assert from "node:assert/strict";
import { LIMITS } from "../core/thought.ts";
import { DATABASES, openTestApp } from "../tests/support/test_app.ts";

const GOOD = { user_id: "ada", text: "I should call the dentist", context: "at work" };

for (const { kind, ignore } of DATABASES) {
  Deno.test({ name: `thoughts on ${kind}`, ignore }, async (t) => {
    await using api = await openTestApp({ kind });
    const { database, post, request } = api;
    const rows = async (sql: string) => Number((await database.query<{ n: number }>(sql))[0]!.n);

    await t.step("a posted thought can be read at its Location, with its message in the outbox", async () => {
      const response = await post(GOOD);
      assert.equal(response.status, 201);
      const { id, status } = await response.json();
      assert.equal(status, "pending");
      assert.equal(response.headers.get("location"), `/thoughts/${id}`);
      const thought = await (await request(`/thoughts/${id}`)).json();
      const { created_at, ...rest } = thought;
      assert.deepEqual(rest, {
        ...GOOD,
        id,
        priority: "interactive",
        status: "pending",
        attempts: 0,
        result: null,
        error: null,
        trace_id: null,
        finished_at: null,
        timeline: {
          accepted_at: created_at,
          queued_at: created_at,
          published_at: null,
          claimed_at: null,
          analysed_at: null,
          analysed_by: null,
          finished_at: null,
        },
      });
      assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000);
      const outbox = await database.query("select thought_id, user_id from outbox");
      assert.deepEqual([...outbox], [{ thought_id: id, user_id: "ada" }]);
      assert.equal(await api.metric("thoughts_accepted_total"), 1);
    });

    await t.step("a batch thought says so, and is another request than an interactive one", async () => {
      const key = { "idempotency-key": "urgent?" };
      const { id } = await (await post({ ...GOOD, priority: "batch" }, key)).json();
      assert.equal((await (await request(`/thoughts/${id}`)).json()).priority, "batch");
      const [queued] = await database.query(
        "select cost, flow from outbox where thought_id = $1::text::uuid",
        [id],
      );
      assert.deepEqual({ ...queued }, { cost: 10, flow: "" });
      assert.equal((await post(GOOD, key)).status, 422);
      assert.equal((await post({ ...GOOD, priority: "urgent" })).status, 400);
    });

    await t.step("texts at the limit, and in every script, come back as they were", async () => {
      for (
        const text of [
          "x".repeat(LIMITS.textChars),
          '思考 🧠 \u202e naïve \\ " \n\t',
          "'; drop table thoughts; --",
        ]
      ) {
        const { id } = await (await post({ user_id: "ユーザー", text })).json();
        const thought = await (await request(`/thoughts/${id.toUpperCase()}`)).json();
        assert.equal(thought.text, text);
        assert.equal(thought.user_id, "ユーザー");
      }
    });

    await t.step(
      "the longest thought is accepted in every spelling: emoji count once, escaped or not",
      async () => {
        const emoji = "🧠".repeat(LIMITS.textChars);
        const escaped = JSON.stringify(emoji).replaceAll("🧠", "\\ud83e\\udde0");
        const context = `"${"\\ud83e\\udde0".repeat(LIMITS.contextChars)}"`;
        for (const [text, more] of [[JSON.stringify(emoji), ""], [escaped, `,"context":${context}`]]) {
          const response = await request("/thoughts", {
            method: "POST",
            headers: { "content-type": "application/json; charset=utf8" },
            body: `{"user_id":"long","text":${text}${more}}`,
          });
          assert.equal(response.status, 201, await response.clone().text());
          const { id } = await response.json();
          assert.equal((await (await request(`/thoughts/${id}`)).json()).text, emoji);
        }
      },
    );

    await t.step("a listing of long thoughts comes in small pages, each thought once", async () => {
      const text = "🧠".repeat(LIMITS.textChars); // 40 kB
      const posted = await Promise.all(Array.from({ length: 30 }, () => api.accepted(text, "longs")));
      const listed: string[] = [];
      let cursor: string | null = null;
      do {
        const path = `/thoughts?user_id=longs&limit=100${cursor === null ? "" : `&cursor=${cursor}`}`;
        const body = await (await request(path)).text();
        assert.ok(body.length <= 600_000, `${body.length} bytes`);
        const page: { thoughts: { id: string }[]; next_cursor: string | null } = JSON.parse(body);
        listed.push(...page.thoughts.map(({ id }) => id));
        cursor = page.next_cursor;
      } while (cursor !== null);
      assert.deepEqual(listed.toSorted(), posted.toSorted());
    });

    await t.step("thoughts are kept by no cache", async () => {
      const id = await api.accepted("private");
      for (const path of [`/thoughts/${id}`, "/thoughts", `/thoughts/${id}/nothing`]) {
        const response = await request(path);
        await response.body?.cancel();
        if (response.status === 200) assert.equal(response.headers.get("cache-control"), "no-store", path);
      }
      assert.equal((await post(GOOD)).headers.get("cache-control"), "no-store");
    });

    await t.step("200 thoughts posted at once are all stored, in few statements", async () => {
      const before = await rows("select count(*)::int as n from thoughts");
      const batches = await api.metric("thoughts_insert_batch_size_count") ?? 0;
      const responses = await Promise.all(
        Array.from({ length: 200 }, (_, n) => post({ ...GOOD, text: `thought ${n}` })),
      );
      const ids = await Promise.all(responses.map(async (response) => (await response.json()).id));
      assert.equal(new Set(ids).size, 200);
      assert.equal(await rows("select count(*)::int as n from thoughts"), before + 200);
      const used = (await api.metric("thoughts_insert_batch_size_count"))! - batches;
      assert.ok(used <= 20, `${used} statements`);
    });

    await t.step("the same request under the same key is stored once", async () => {
      const key = { "idempotency-key": "once" };
      const before = await rows("select count(*)::int as n from outbox");
      const answers = await Promise.all([1, 2, 3].map(() => post(GOOD, key)));
      const replayed = answers.filter((answer) => answer.headers.get("idempotent-replayed") === "true");
      assert.equal(replayed.length, 2);
      const bodies = await Promise.all(answers.map((answer) => answer.json()));
      assert.equal(new Set(bodies.map(({ id }) => id)).size, 1);
      assert.deepEqual(answers.map(({ status }) => status), [201, 201, 201]);
      assert.equal(await rows("select count(*)::int as n from outbox"), before + 1);

      await api.move(bodies[0].id, "completed");
      const later = await post(GOOD, key);
      assert.equal(later.headers.get("location"), `/thoughts/${bodies[0].id}`);
      assert.deepEqual(await later.json(), { id: bodies[0].id, status: "completed" });
    });

    await t.step("another request under the same key is refused, another user's is not", async () => {
      const key = { "idempotency-key": "once" };
      const other = await post({ ...GOOD, text: "something else" }, key);
      assert.equal(other.status, 422);
      assert.equal((await other.json()).errors[0].field, "header.idempotency-key");
      assert.equal((await post({ ...GOOD, user_id: "grace" }, key)).headers.get("idempotent-replayed"), null);
    });

    await t.step("a listing goes through all thoughts of a user, the newest first, each once", async () => {
      const posted: string[] = [];
      for (let n = 0; n < 7; n++) posted.push(await api.accepted(`thought ${n}`, "lin"));
      await api.accepted("not hers", "other");
      const listed: string[] = [];
      let cursor: string | null = null;
      let pages = 0;
      do {
        const page: { thoughts: { id: string }[]; next_cursor: string | null } = await (await request(
          `/thoughts?user_id=lin&limit=3${cursor ? `&cursor=${cursor}` : ""}`,
        )).json();
        listed.push(...page.thoughts.map(({ id }) => id));
        cursor = page.next_cursor;
        pages++;
      } while (cursor !== null);
      assert.deepEqual(listed, posted.toReversed());
      assert.equal(pages, 3);
    });

    await t.step("a page links to the next one, whatever its query", async () => {
      const first = await request("/thoughts?user_id=lin&limit=3");
      const { next_cursor } = await first.json();
      const link = /^<(\/thoughts\?[^>]+)>; rel="next"$/.exec(first.headers.get("link")!)![1]!;
      assert.equal(link, `/thoughts?user_id=lin&limit=3&cursor=${next_cursor}`);
      const second = await request(link);
      assert.equal((await second.json()).thoughts.length, 3);
      const odd = await api.accepted("a", 'o>d "&\u2028');
      await api.accepted("b", 'o>d "&\u2028');
      const page = await request(`/thoughts?limit=1&user_id=${encodeURIComponent('o>d "&\u2028')}`);
      const next = /^<([^>]+)>; rel="next"$/.exec(page.headers.get("link")!)![1]!;
      assert.equal((await (await request(next)).json()).thoughts[0].id, odd);
    });

    await t.step("a listing of exactly one page has no next one", async () => {
      const response = await request("/thoughts?user_id=lin&limit=7");
      const { headers } = response;
      const { thoughts, next_cursor } = await response.json();
      assert.equal(thoughts.length, 7);
      assert.equal(next_cursor, null);
      assert.equal(headers.get("link"), null);
    });

    await t.step("a listing by status has these only", async () => {
      const [first, second] = (await (await request("/thoughts?user_id=lin")).json()).thoughts;
      await api.move(first.id, "failed");
      await api.move(second.id, "processing");
      for (const [status, count] of [["pending", 5], ["processing", 1], ["failed", 1], ["completed", 0]]) {
        const { thoughts } = await (await request(`/thoughts?user_id=lin&status=${status}`)).json();
        assert.deepEqual(
          thoughts.map((thought: { status: string }) => thought.status),
          Array(count).fill(status),
        );
      }
    });

    await t.step("a listing runs in either order, by pages, each thought once", async () => {
      const listed: string[] = [];
      let path: string | undefined = "/thoughts?user_id=lin&order=asc&limit=3";
      while (path !== undefined) {
        const response: Response = await request(path);
        listed.push(...(await response.json()).thoughts.map(({ text }: { text: string }) => text));
        path = /^<([^>]+)>/.exec(response.headers.get("link") ?? "")?.[1];
      }
      assert.deepEqual(listed, [0, 1, 2, 3, 4, 5, 6].map((n) => `thought ${n}`));
    });

    await t.step("a listing by time has what was accepted within, neither end included", async () => {
      const { thoughts } = await (await request("/thoughts?user_id=lin&order=asc")).json();
      const at = (n: number) => `2026-01-0${n + 1}T12:00:00.123`;
      for (const [n, { id }] of thoughts.entries()) {
        // The id's time is the API's, and tells the same but for a minute.
        const day = `0${(Date.parse(`${at(n)}Z`) - 20_000).toString(16)}`;
        await database.query(
          `update thoughts set created_at = $2::text::timestamptz, id = $3::text::uuid where id = $1::text::uuid`,
          [id, `${at(n)}456Z`, `${day.slice(0, 8)}-${day.slice(8)}${id.slice(13)}`],
        );
      }
      const between = async (query: string) => {
        const response = await request(`/thoughts?user_id=lin&order=asc&${query}`);
        assert.equal(response.status, 200);
        return (await response.json()).thoughts.map(({ text }: { text: string }) => Number(text.at(-1)));
      };
      assert.deepEqual(await between(`created_after=${at(2)}Z`), [3, 4, 5, 6]);
      assert.deepEqual(await between(`created_before=${at(2)}Z`), [0, 1]);
      assert.deepEqual(await between(`created_after=${at(1)}Z&created_before=${at(5)}Z`), [2, 3, 4]);
      assert.deepEqual(await between(`created_after=2026-01-05T14:00:00.123%2B02:00`), [5, 6]);
      const wrong = await request("/thoughts?created_after=yesterday");
      assert.deepEqual((await wrong.json()).errors[0].field, "query.created_after");
    });

    await t.step("a listing without texts has the fields that were asked for", async () => {
      for (const query of ["fields=status,priority", "fields=status&fields=priority"]) {
        const { thoughts } = await (await request(`/thoughts?user_id=lin&limit=1&${query}`)).json();
        assert.deepEqual(Object.keys(thoughts[0]).sort(), ["id", "priority", "status"]);
      }
      const { thoughts } = await (await request("/thoughts?user_id=lin&limit=1&fields=text")).json();
      assert.equal(thoughts[0].text, "thought 6");
      const wrong = await request("/thoughts?fields=id,password");
      assert.equal((await wrong.json()).errors[0].field, "query.fields.1");
    });

    await t.step("a search finds what stands in text or context, in any case", async () => {
      await post({ user_id: "seeker", text: "Call the DENTIST_ at 100 %" });
      await post({ user_id: "seeker", text: "Water the plants", context: "the dentist_ said so" });
      await post({ user_id: "seeker", text: "Dentists in general" });
      const found = async (q: string) => {
        const { thoughts } = await (await request(`/thoughts?user_id=seeker&q=${encodeURIComponent(q)}`))
          .json();
        return thoughts.map(({ text }: { text: string }) => text.split(" ")[0]);
      };
      assert.deepEqual(await found("dentist_"), ["Water", "Call"]);
      assert.deepEqual(await found("100 %"), ["Call"]);
      assert.deepEqual(await found("' or true --"), []);
      assert.equal((await request("/thoughts?q=%00")).status, 400);
    });

    await t.step("a deleted thought is gone", async () => {
      const id = await api.accepted("to be forgotten");
      assert.equal((await request(`/thoughts/${id}`, { method: "DELETE" })).status, 204);
      assert.equal((await request(`/thoughts/${id}`)).status, 404);
      assert.equal((await request(`/thoughts/${id}`, { method: "DELETE" })).status, 404);
    });
  });
}

Deno.test("while the database is down requests get 503 with Retry-After, and the log says so", async () => {
  await using api = await openTestApp({ kind: "away" });
  const path = "/thoughts/01890a5d-ac96-774b-bcce-b302099a8057";
  for (const response of [await api.post(GOOD), await api.request(path), await api.request("/thoughts")]) {
    assert.equal(response.status, 503);
    assert.ok(Number(response.headers.get("retry-after")) > 0);
    const problem = await response.json();
    assert.equal(problem.type, "/problems/unavailable");
    assert.doesNotMatch(JSON.stringify(problem), /refused/, "the database's own words are for the log");
    const line = api.lines().find((line) =>
      line.msg === "request failed" && line.request_id === problem.request_id
    );
    assert.match(String(line?.reason), /connection refused/);
  }
});

Deno.test("an unforeseen error is a plain 500, with an id that leads to its log line", async () => {
  const insert = () => Promise.reject(new TypeError("canary of a bug"));
  await using api = await openTestApp({ kind: "away", store: { insert } });
  const response = await api.post(GOOD);
  assert.equal(response.status, 500);
  const text = await response.text();
  assert.doesNotMatch(text, /canary|TypeError|at /);
  const { request_id } = JSON.parse(text);
  const line = api.lines().find((line) => line.level === "ERROR" && line.request_id === request_id);
  assert.match(String(line?.reason), /canary of a bug/);
});

Deno.test("neither a thought's text nor its user stands in any log line or metric", async () => {
  await using api = await openTestApp({ kind: "away" });
  await api.post({ user_id: "canary-user", text: "canary-text", context: "canary-context" });
  await api.post({ user_id: "canary-user", text: "canary-text", "canary-field": 1 });
  await api.request("/thoughts?user_id=canary-user");
  await api.request("/canary-path");
  assert.ok(api.lines().length >= 4);
  assert.doesNotMatch(JSON.stringify(api.lines()), /canary/);
  assert.doesNotMatch((await api.metrics.expose()).body, /canary/);
});
