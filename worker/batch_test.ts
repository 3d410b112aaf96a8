/**
 * What becomes of messages that a worker takes together: each by itself, none at its neighbours' cost.
 */
import assert from "node:assert/strict";
import { startBatches } from "../tests/support/batches.ts";
import { testOnDatabase, testOnDatabases } from "../tests/support/databases.ts";
import { createRetention } from "../core/store/retention.ts";
import { aResult, aThought } from "../tests/support/thoughts.ts";
import { waitFor } from "../tests/support/wait.ts";
import { type Analyser, AnalysisError } from "./analysers/analyser.ts";

/** An analyser made of one function. */
const analyserOf = (analyse: Analyser["analyse"], particulars: Partial<Analyser> = {}): Analyser => ({
  name: "test",
  version: "1",
  batchSize: 1_000,
  concurrency: 4,
  analyse,
  ...particulars,
});

testOnDatabases(
  "a batch of thoughts is completed, each with the result of its own text",
  async (database) => {
    const batches = startBatches(database);
    const thoughts = Array.from({ length: 20 }, (_, at) => aThought({ text: `Buy number ${at}.` }));
    await batches.post(...thoughts);
    await batches.handle(...thoughts.map(({ id }) => id));
    for (const { id, text } of thoughts) {
      const { status, attempts, result } = (await batches.store.get(id))!;
      assert.deepEqual([status, attempts, result!.analysis.summary], ["completed", 1, text]);
    }
    assert.equal(await batches.metric("batch_processor_thoughts_processed_total"), 20);
    assert.equal(await batches.metric("batch_processor_processing_duration_seconds_count"), 20);
    assert.match(batches.logged(), /"msg":"settled".*"completed":\d+/);
  },
);

testOnDatabase(
  "messages that come twice, together or later, do nothing the second time",
  async (database) => {
    let analysed = 0;
    const analyser = analyserOf(() => (analysed++, { result: aResult() }));
    const batches = startBatches(database, { analyser });
    const { id } = aThought();
    await batches.post(aThought({ id }));
    await batches.handle(id, id, id.toUpperCase());
    await batches.handle(id);
    assert.equal(analysed, 1);
    assert.equal((await batches.store.get(id))!.attempts, 1);
    assert.equal(await batches.metric(`batch_processor_messages_skipped_total{reason="duplicate"}`), 3);
    assert.equal(await batches.metric("batch_processor_thoughts_processed_total"), 1);
  },
);

testOnDatabase(
  "messages of unknown thoughts are dropped, and the others of their batch done",
  async (database) => {
    const batches = startBatches(database);
    const { id } = aThought();
    await batches.post(aThought({ id }));
    await batches.handle(crypto.randomUUID(), id, crypto.randomUUID());
    assert.equal((await batches.store.get(id))!.status, "completed");
    assert.equal(await batches.metric(`batch_processor_messages_skipped_total{reason="unknown"}`), 2);
  },
);

testOnDatabase(
  "what is not a thought id becomes a dead letter that names its position, not its content",
  async (database) => {
    const batches = startBatches(database);
    const { id } = aThought();
    await batches.post(aThought({ id }));
    await batches.handle("a canary", "", `{"id":"${id}"}`, `${id} `, id);
    assert.equal((await batches.store.get(id))!.status, "completed");
    assert.equal(await batches.metric(`batch_processor_messages_skipped_total{reason="malformed"}`), 4);
    const dead = await database.query("select value, reason from dead_letters order by id");
    assert.deepEqual(
      dead.map((row) => ({ ...row })),
      [0, 1, 2, 3].map((at) => ({
        value: `thoughts/0/${at}`,
        reason: "malformed message",
      })),
    );
    assert.doesNotMatch(batches.logged(), /canary/);
  },
);

testOnDatabase("the same text is analysed once: in a batch, and again from the cache", async (database) => {
  const analysed: string[] = [];
  const analyser = analyserOf((
    { text, context },
  ) => (analysed.push(`${text}/${context}`), { result: aResult(text) }));
  const batches = startBatches(database, { analyser });
  const texts = ["same", "other", "same", "same"];
  const thoughts = texts.map((text) => aThought({ text }));
  const withContext = aThought({ text: "same", context: "elsewhere" });
  await batches.post(...thoughts, withContext);
  await batches.handle(...thoughts.map(({ id }) => id), withContext.id);
  assert.deepEqual(analysed.toSorted(), ["other/null", "same/elsewhere", "same/null"]);
  assert.equal(await batches.metric("batch_processor_cache_misses_total"), 3);
  assert.equal(await batches.metric("batch_processor_cache_hits_total"), 2);

  const again = aThought({ text: "same" });
  await batches.post(again);
  await batches.handle(again.id);
  assert.equal(analysed.length, 3);
  assert.equal((await batches.store.get(again.id))!.result!.analysis.summary, "same");
  assert.equal(await batches.metric("batch_processor_cache_hits_total"), 3);
});

for (
  const [what, analyse, reason, error] of [
    [
      "throws",
      () => {
        throw new Error("canary");
      },
      "analyser_error",
      "The analyser failed (Error)",
    ],
    [
      "throws what it may say",
      () => {
        throw new AnalysisError("HTTP 429");
      },
      "analyser_error",
      "HTTP 429",
    ],
    [
      "throws no error",
      () => {
        // deno-lint-ignore no-throw-literal -- analysers are not trusted
        throw "canary";
      },
      "analyser_error",
      "The analyser failed (string)",
    ],
    [
      "rejects",
      () => Promise.reject(new TypeError("canary")),
      "analyser_error",
      "The analyser failed (TypeError)",
    ],
    [
      "hangs",
      () => new Promise<never>(() => {}),
      "analyser_timeout",
      "The analyser did not respond within 50 ms",
    ],
    [
      "answers nothing",
      () => ({ result: undefined }),
      "invalid_result",
      "The analyser's result is not valid (as a whole)",
    ],
    [
      "answers another schema",
      () => Promise.resolve({ result: { ...aResult(), actions: [] } }),
      "invalid_result",
      "The analyser's result is not valid (actions)",
    ],
  ] as [string, Analyser["analyse"], string, string][]
) {
  testOnDatabase(
    `an analyser that ${what} costs its thought an attempt and disturbs no other`,
    async (database) => {
      const analyser = analyserOf((subject, signal) =>
        subject.text === "poison" ? analyse(subject, signal) : { result: aResult() }
      );
      const batches = startBatches(database, { analyser, timeoutMs: 50 });
      const [poison, good] = [aThought({ text: "poison" }), aThought({ text: "good" })];
      await batches.post(poison, good);
      await batches.handle(poison.id, good.id);
      assert.equal((await batches.store.get(good.id))!.status, "completed");
      const first = (await batches.store.get(poison.id))!;
      assert.deepEqual([first.status, first.attempts, first.error], ["pending", 1, error]);
      assert.equal(await batches.metric(`batch_processor_retries_total{reason="${reason}"}`), 1);

      const other = aThought({ text: "good too" }); // a time-out beside others is the thought's own
      await batches.post(other);
      await batches.handle(poison.id, other.id);
      const last = (await batches.store.get(poison.id))!;
      assert.deepEqual([last.status, last.attempts, last.error, last.result], ["failed", 2, error, null]);
      assert.equal(await batches.metric("batch_processor_thoughts_failed_total"), 1);
      const [dead] = await database.query("select value, reason from dead_letters");
      assert.deepEqual({ ...dead }, { value: poison.id, reason: error });
      assert.doesNotMatch(batches.logged(), /canary|poison/);
    },
  );
}

testOnDatabase(
  "analyses of a batch run in parallel, no more than the analyser allows",
  async (database) => {
    let [now, most, all] = [0, 0, 0];
    const analyser = analyserOf(async () => {
      most = Math.max(most, ++now);
      all++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      now--;
      return { result: aResult() };
    }, { concurrency: 3 });
    const batches = startBatches(database, { analyser });
    const thoughts = Array.from({ length: 9 }, (_, at) => aThought({ text: String(at) }));
    await batches.post(...thoughts);
    await batches.handle(...thoughts.map(({ id }) => id));
    assert.deepEqual([most, all], [3, 9]);
  },
);

testOnDatabase("while an analysis takes longer than a lease, its claim is renewed", async (database) => {
  let reclaimed = -1;
  const analyser = analyserOf(async () => {
    const [claimed] = await database.query<{ until: Date }>("select claimed_until as until from thoughts");
    await waitFor("the claim to be renewed", async () => {
      const [renewed] = await database.query<{ until: Date }>("select claimed_until as until from thoughts");
      return renewed!.until > claimed!.until;
    }, { everyMs: 10 });
    reclaimed = (await batches.claims.claim([thought.id])).length;
    return { result: aResult() };
  });
  const batches = startBatches(database, { analyser, leaseMs: 900 });
  const thought = aThought();
  await batches.post(thought);
  await batches.handle(thought.id);
  assert.equal(reclaimed, 0);
  assert.equal((await batches.store.get(thought.id))!.status, "completed");
});

testOnDatabase(
  "a result that comes after the thought was taken over is thrown away and counted",
  async (database) => {
    const thought = aThought();
    const analyser = analyserOf(async () => {
      await database.query("update thoughts set claimed_until = now() - interval '1 ms'");
      await batches.stranded.releaseStale((await batches.stranded.look(null, 10, 0)).stale);
      const other = await batches.claims.claimSuspect();
      await batches.claims.complete([{ ...other!, result: JSON.stringify(aResult("by the other")) }]);
      return { result: aResult("too late") };
    });
    const batches = startBatches(database, { analyser });
    await batches.post(thought);
    await batches.handle(thought.id);
    assert.equal((await batches.store.get(thought.id))!.result!.analysis.summary, "by the other");
    assert.equal(await batches.metric("batch_processor_fenced_writes_total"), 1);
    assert.equal(await batches.metric("batch_processor_thoughts_processed_total"), 0);
  },
);

testOnDatabase("a thought deleted while it is analysed stays deleted", async (database) => {
  const thought = aThought();
  const analyser = analyserOf(async () => {
    await createRetention(database).delete(thought.id);
    return { result: aResult() };
  });
  const batches = startBatches(database, { analyser });
  await batches.post(thought);
  await batches.handle(thought.id);
  assert.equal(await batches.store.get(thought.id), null);
});

testOnDatabase(
  "what a model used is counted by provider and model, and what the cache saved",
  async (database) => {
    const usage = { provider: "p", model: "m", inputTokens: 100, outputTokens: 10, costUsd: 0.5 };
    const analyser = analyserOf(({ text }) => {
      if (text === "fails") throw new AnalysisError("HTTP 500", { usage });
      return { result: text === "invalid" ? null : aResult(), usage };
    });
    const batches = startBatches(database, { analyser });
    const thoughts = ["good", "invalid", "fails", "good"].map((text) => aThought({ text }));
    await batches.post(...thoughts);
    await batches.handle(...thoughts.map(({ id }) => id));
    const again = aThought({ text: "good" });
    await batches.post(again);
    await batches.handle(again.id);
    const of = `provider="p",model="m"`;
    assert.equal(await batches.metric(`batch_processor_tokens_total{${of},direction="input"}`), 300);
    assert.equal(await batches.metric(`batch_processor_tokens_total{${of},direction="output"}`), 30);
    assert.equal(await batches.metric(`batch_processor_cost_usd_total{${of}}`), 1.5);
    assert.equal(await batches.metric(`batch_processor_cost_saved_usd_total{${of}}`), 0.5);
  },
);
