import assert from "node:assert/strict";
import { openTestApp, type TestApp } from "../tests/support/test_app.ts";

const UNKNOWN = "01a20655-0000-7000-8000-000000000000";

async function call(app: TestApp, method: string, path: string, body?: unknown) {
  const response = await app.request(path, {
    method,
    ...(body === undefined
      ? {}
      : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

Deno.test("operators", async (t) => {
  await using app = await openTestApp();

  await t.step(
    "a pause is set, reported and ended; repeats are harmless, and each is logged with its author",
    async () => {
      assert.equal((await call(app, "GET", "/pause")).body.paused, false);
      const paused = await call(app, "PUT", "/pause", { reason: "a new model" });
      assert.deepEqual([paused.status, paused.body.reason, paused.body.author], [
        200,
        "a new model",
        "anonymous",
      ]);
      assert.deepEqual((await call(app, "PUT", "/pause", { reason: "another" })).body, paused.body);
      assert.deepEqual((await call(app, "GET", "/pause")).body, paused.body);
      assert.equal((await call(app, "DELETE", "/pause")).status, 204);
      assert.equal((await call(app, "DELETE", "/pause")).status, 204);
      assert.equal((await call(app, "GET", "/pause")).body.paused, false);
      assert.equal((await call(app, "PUT", "/pause", {})).status, 400);
      const logged = app.lines().filter(({ msg }) => /^workers/.test(String(msg)));
      assert.deepEqual(logged.map(({ msg, author }) => [msg, author]).at(-1), [
        "workers resumed",
        "anonymous",
      ]);
    },
  );

  await t.step("a text that no database can hold is refused, wherever it is given", async () => {
    for (const text of ["a\u0000b", "\ud800", " "]) {
      assert.equal((await call(app, "PUT", "/pause", { reason: text })).status, 400);
      assert.equal((await call(app, "POST", "/failures/redrive", { reason: text })).status, 400);
      assert.equal(
        (await call(app, "PUT", "/webhook", { url: `https://example.com/${text}` })).status,
        text === " " ? 200 : 400,
      );
    }
  });

  await t.step("a thought is cancelled once, and can be redriven then", async () => {
    const id = await app.accepted("I want to learn to play the guitar");
    assert.deepEqual(await call(app, "POST", `/thoughts/${id}/redrive`), {
      status: 200,
      body: { id, status: "pending" },
    });
    assert.deepEqual(await call(app, "POST", `/thoughts/${id}/cancel`), {
      status: 200,
      body: { id, status: "failed" },
    });
    assert.deepEqual(await call(app, "POST", `/thoughts/${id}/cancel`), {
      status: 200,
      body: { id, status: "failed" },
    });
    const { body } = await call(app, "GET", "/failures");
    assert.deepEqual([body.reasons[0].reason, body.reasons[0].thoughts], ["cancelled", 1]);
    assert.equal((await call(app, "POST", `/thoughts/${id}/redrive`)).body.status, "pending");
    assert.deepEqual((await call(app, "GET", "/failures")).body.reasons, []);
  });

  await t.step("many are redriven by their reason", async () => {
    for (const text of ["one", "two"]) {
      const id = await app.accepted(text);
      await call(app, "POST", `/thoughts/${id}/cancel`);
    }
    assert.equal((await call(app, "POST", "/failures/redrive", { reason: "timeout" })).body.thoughts, 0);
    assert.equal(
      (await call(app, "POST", "/failures/redrive", { reason: "cancelled", limit: 1 })).body.thoughts,
      1,
    );
    assert.equal((await call(app, "POST", "/failures/redrive", {})).body.thoughts, 1);
    assert.equal((await call(app, "POST", "/failures/redrive", { limit: 0 })).status, 400);
  });

  await t.step("an unknown thought is 404, one in the wrong state 409", async () => {
    for (const verb of ["cancel", "redrive"]) {
      assert.equal((await call(app, "POST", `/thoughts/${UNKNOWN}/${verb}`)).status, 404);
    }
    const id = await app.accepted("done");
    await app.move(id, "completed");
    for (const verb of ["cancel", "redrive"]) {
      const { status, body } = await call(app, "POST", `/thoughts/${id}/${verb}`);
      assert.deepEqual([status, body.detail], [409, "The thought is completed"]);
    }
  });
});

Deno.test("a user is forgotten by one request: their thoughts are gone, the others' stay", async () => {
  await using app = await openTestApp();
  const mine = [await app.accepted("one", "ada"), await app.accepted("two", "ada")];
  const other = await app.accepted("three", "bob");
  assert.deepEqual(await call(app, "DELETE", "/thoughts?user_id=ada"), {
    status: 200,
    body: { thoughts: 2 },
  });
  assert.deepEqual(await call(app, "DELETE", "/thoughts?user_id=ada"), {
    status: 200,
    body: { thoughts: 0 },
  });
  for (const id of mine) assert.equal((await call(app, "GET", `/thoughts/${id}`)).status, 404);
  assert.equal((await call(app, "GET", `/thoughts/${other}`)).status, 200);
  assert.equal((await call(app, "DELETE", "/thoughts")).status, 400, "nobody is forgotten by accident");
  assert.equal(await app.metric("thoughts_forgotten_total"), 2);
});
