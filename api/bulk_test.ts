import assert from "node:assert/strict";
import { createKeyFile } from "../tests/support/key_file.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { DATABASES, openTestApp } from "../tests/support/test_app.ts";
import { makeKey, openKeys } from "./keys.ts";

const thought = (text: string, userId = "ada") => ({ user_id: userId, text });
const post = (thoughts: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", ...headers },
  body: JSON.stringify({ thoughts }),
});

for (const { kind, ignore } of DATABASES) {
  Deno.test({ name: `bulk requests on ${kind}`, ignore }, async (t) => {
    await using api = await openTestApp({ kind });
    const bulk = async (thoughts: unknown, headers: Record<string, string> = {}) => {
      const response = await api.request("/thoughts/bulk", post(thoughts, headers));
      return { status: response.status, body: await response.json() };
    };
    const count = async (table: string) => (await api.database.query(`select from ${table}`)).length;

    await t.step("a thousand thoughts are stored by one statement, each with its message", async () => {
      const { status, body } = await bulk(Array.from({ length: 1_000 }, (_, at) => thought(`thought ${at}`)));
      assert.equal(status, 200);
      const ids = body.thoughts.map(({ id }: { id: string }) => id);
      assert.equal(new Set(ids).size, 1_000);
      assert.deepEqual([await count("thoughts"), await count("outbox")], [1_000, 1_000]);
      assert.equal(await api.metric("thoughts_insert_batch_size_count"), 1);
      assert.equal(await api.metric("thoughts_accepted_total"), 1_000);
      const seventh = await (await api.request(`/thoughts/${ids[7]}`)).json();
      assert.equal(seventh.text, "thought 7", "in the order given");
    });

    await t.step("one that is invalid is refused by name, and does not affect the others", async () => {
      const before = await count("thoughts");
      const { status, body } = await bulk([
        thought("good"),
        { user_id: "ada" },
        thought(" "),
        7,
        thought("good too"),
      ]);
      assert.equal(status, 200);
      assert.deepEqual(
        body.thoughts.map(({ outcome }: { outcome: string }) => outcome),
        ["stored", "refused", "refused", "refused", "stored"],
      );
      assert.deepEqual(body.thoughts[2].problem, {
        type: "/problems/invalid-request",
        code: "invalid-request",
        title: "The request is not valid",
        errors: [{ field: "text", message: "must not be blank" }],
      });
      assert.equal(await count("thoughts"), before + 2);
    });

    await t.step(
      "the same request under the same key is stored once; another is refused as a whole",
      async () => {
        const key = { "idempotency-key": "once" };
        const thoughts = [thought("first"), { user_id: "ada" }, thought("second", "grace")];
        const [one, other] = await Promise.all([bulk(thoughts, key), bulk(thoughts, key)]);
        const ids = ({ body }: typeof one) => body.thoughts.map(({ id }: { id?: string }) => id);
        assert.deepEqual(ids(one), ids(other));
        const before = await count("thoughts");
        const again = await bulk(thoughts, key);
        assert.deepEqual(ids(again), ids(one));
        assert.deepEqual(again.body.thoughts[2], { outcome: "repeated", id: ids(one)[2], status: "pending" });
        const changed = await bulk([...thoughts, thought("third")], key);
        assert.deepEqual([changed.status, changed.body.code], [422, "idempotency-key-reused"]);
        assert.equal(await count("thoughts"), before, "not even the new one of it");
        const single = await api.post(thought("first"), key);
        assert.equal(
          single.headers.get("idempotent-replayed"),
          null,
          "a single thought's key is a different one",
        );
      },
    );

    await t.step("of two different requests under one key at once, one is refused as a whole", async () => {
      for (let round = 0; round < 5; round++) {
        const before = await count("thoughts");
        const key = { "idempotency-key": `shared ${round}` };
        const requests = [
          Array.from({ length: 20 }, (_, at) => thought(`short ${at}`)),
          Array.from({ length: 30 }, (_, at) => thought(`long ${at}`)),
        ];
        const responses = await Promise.all(requests.map((thoughts) => bulk(thoughts, key)));
        const winner = responses.findIndex(({ status }) => status === 200);
        const { status, body } = responses[1 - winner]!;
        assert.deepEqual([status, body.code], [422, "idempotency-key-reused"]);
        const outcomes = responses[winner]!.body.thoughts.map(({ outcome }: { outcome: string }) => outcome);
        assert.deepEqual(new Set(outcomes), new Set(["stored"]));
        assert.equal(await count("thoughts"), before + requests[winner]!.length);
      }
    });
  });
}

Deno.test("bulk requests that are refused", async (t) => {
  await using api = await openTestApp({
    kind: "away",
    limits: { bulk: { maxAtOnce: 2 }, bodyTimeoutMs: 300 },
  });
  const problem = async (init: RequestInit) => {
    const response = await api.request("/thoughts/bulk", init);
    const { code, errors } = await response.json();
    return [response.status, code, errors?.[0]?.field];
  };

  await t.step("none, too many, and what is not a list", async () => {
    for (const thoughts of [[], Array(1_001).fill(thought("x")), "x", undefined]) {
      assert.deepEqual(await problem(post(thoughts)), [400, "invalid-request", "thoughts"]);
    }
  });

  await t.step("a key twice in any of them", async () => {
    const init = {
      ...post([]),
      body: `{"thoughts":[{"user_id":"a","text":"{}"},{"user_id":"a","text":"b","text":"c"}]}`,
    };
    assert.deepEqual(await problem(init), [400, "invalid-request", "text"]);
  });

  await t.step("more bytes than allowed", async () => {
    const thoughts = Array.from({ length: 500 }, () => thought("x".repeat(10_000)));
    assert.deepEqual(await problem(post(thoughts)), [413, "body-too-large", "body"]);
  });

  await t.step("other methods, though a thought's path would match", async () => {
    for (const method of ["GET", "DELETE", "PUT"]) {
      const response = await api.request("/thoughts/bulk", { method });
      assert.deepEqual([response.status, response.headers.get("allow")], [405, "POST, OPTIONS"]);
    }
  });

  await t.step("more at once than memory is set aside for", async () => {
    const slow = [1, 2].map(() =>
      api.request(
        "/thoughts/bulk",
        { ...post([]), body: new ReadableStream(), duplex: "half" } as RequestInit,
      )
    );
    assert.deepEqual((await problem(post([thought("x")]))).slice(0, 2), [503, "overloaded"]);
    for (const response of await Promise.all(slow)) {
      assert.equal((await response.json()).code, "body-timeout");
    }
    assert.deepEqual((await problem(post([]))).slice(0, 1), [400], "their places are free again");
  });
});

Deno.test("a key posts in bulk for its own user alone", async () => {
  const { key, line } = makeKey({ name: "ada", user: "ada" });
  using file = createKeyFile(line);
  using keys = openKeys({ paths: [file.path], log: createLogger({ service: "test", write: () => {} }) });
  await using api = await openTestApp({ access: { keys } });
  const headers = { authorization: `Bearer ${key}` };
  const response = await api.request(
    "/thoughts/bulk",
    post([thought("mine"), thought("not mine", "grace")], headers),
  );
  const [mine, other] = (await response.json()).thoughts;
  assert.equal(mine.outcome, "stored");
  assert.deepEqual([other.outcome, other.problem.code], ["refused", "forbidden"]);
});
