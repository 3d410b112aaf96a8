/** A run of the canary against scripted servers. */
import assert from "node:assert/strict";
import { createWatch, type WatchOptions } from "./watch.ts";

interface Behaviour {
  readonly post?: number;
  readonly status?: string;
  readonly model?: string;
  readonly cache?: string;
  readonly spans?: readonly string[];
  readonly streams?: readonly string[];
  /** Lines that Loki has of other thoughts. @default true */
  readonly otherLines?: boolean;
}

const BOTH = ["thoughtprocessor-api", "kafka-worker"];

/** API, worker, Tempo and Loki on one port. */
function system(behaviour: Behaviour = {}) {
  const {
    post = 201,
    status = "completed",
    model = "up",
    cache = "up",
    spans = BOTH,
    streams = BOTH,
    otherLines = true,
  } = behaviour;
  const texts: string[] = [];
  const deleted: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    if (request.method === "POST") {
      texts.push((await request.json()).text);
      return Response.json({ id: `${texts.length}` }, { status: post });
    }
    if (request.method === "DELETE") {
      deleted.push(pathname);
      return new Response(null, { status: 204 });
    }
    if (pathname === "/health/ready") {
      return Response.json({ model: { status: model }, dependencies: { cache: { status: cache } } });
    }
    if (pathname.startsWith("/api/v2/traces")) {
      return Response.json({ services: spans.map((stringValue) => ({ stringValue })) });
    }
    if (pathname.startsWith("/loki") && !searchParams.get("query")!.includes("|=")) {
      return Response.json({ data: { result: otherLines ? [{ stream: {} }] : [] } });
    }
    if (pathname.startsWith("/loki")) {
      return Response.json({ data: { result: streams.map((service) => ({ stream: { service } })) } });
    }
    return Response.json({ status });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const watch = (options: Partial<WatchOptions> = {}) =>
    createWatch({
      api: url,
      worker: url,
      tempo: url,
      loki: url,
      deadlinesMs: { completed: 100, traced: 100, logged: 100 },
      signal: new AbortController().signal,
      ...options,
    });
  return { watch, texts, deleted, [Symbol.asyncDispose]: () => server.shutdown() };
}

Deno.test("a thought that comes through every part is a success with the seconds of each step, and is deleted", async () => {
  await using it = system();
  const { outcome, seconds } = await it.watch()();
  assert.equal(outcome, "ok");
  assert.deepEqual(Object.keys(seconds).sort(), ["accepted", "completed", "logged", "traced"]);
  assert.deepEqual(it.deleted, ["/thoughts/1"]);
});

Deno.test("without Tempo and Loki it ends with the stored result", async () => {
  await using it = system({ spans: [], streams: [] });
  const { outcome, seconds } = await it.watch({ tempo: undefined, loki: undefined })();
  assert.deepEqual([outcome, Object.keys(seconds)], ["ok", ["accepted", "completed"]]);
});

for (
  const [what, behaviour, why] of [
    ["is refused", { post: 503 }, /the API answered 503/],
    ["is never processed", { status: "pending" }, /not completed within 0\.1 s: the thought is pending/],
    ["fails", { status: "failed" }, /the thought failed/],
    [
      "leaves no spans of a worker",
      { spans: ["thoughtprocessor-api"] },
      /not traced .* no spans of kafka-worker/,
    ],
    ["leaves no lines", { streams: [] }, /not logged .* no lines of thoughtprocessor-api and kafka-worker/],
  ] as const
) {
  Deno.test(`a thought that ${what} is a failure with its reason`, async () => {
    await using it = system(behaviour);
    const run = await it.watch()();
    assert.equal(run.outcome, "failed");
    assert.match(run.why!, why);
  });
}

Deno.test("a Tempo or Loki that cannot be reached, or to which nothing sends lines, does not fail the canary", async () => {
  await using quiet = system({ streams: [], otherLines: false });
  const away = "http://127.0.0.1:1";
  for (const options of [{ tempo: away, loki: away }, { tempo: away }]) {
    const { outcome, seconds } = await quiet.watch(options)();
    assert.deepEqual([outcome, Object.keys(seconds)], ["ok", ["accepted", "completed"]]);
  }
});

Deno.test("an absent API is a failure, and the next run is made", async () => {
  const watch = createWatch({ api: "http://127.0.0.1:1", signal: new AbortController().signal });
  for (let n = 0; n < 2; n++) assert.equal((await watch()).outcome, "failed");
});

Deno.test("a thought that waits for an unavailable model is not a failure", async () => {
  await using it = system({ status: "pending", model: "degraded" });
  const { outcome, seconds } = await it.watch()();
  assert.deepEqual([outcome, Object.keys(seconds)], ["model_away", ["accepted"]]);
});

Deno.test("where analyses cost, the text is new once in a turn, and nothing is posted meanwhile without the cache", async () => {
  let now = 0;
  await using paid = system();
  const watch = paid.watch({ paidEveryMs: 3_600_000, now: () => now });
  for (; now < 3 * 3_600_000; now += 600_000) await watch();
  assert.equal(paid.texts.length, 18);
  assert.equal(new Set(paid.texts).size, 3);

  now = 0;
  await using uncached = system({ cache: "down" });
  const outcomes: string[] = [];
  const careful = uncached.watch({ paidEveryMs: 3_600_000, now: () => now });
  for (; now < 2 * 3_600_000; now += 600_000) outcomes.push((await careful()).outcome);
  assert.equal(outcomes.filter((outcome) => outcome === "ok").length, 2);
  assert.equal(outcomes.filter((outcome) => outcome === "skipped").length, 10);

  await using free = system({ cache: "down" });
  const always = free.watch();
  for (let n = 0; n < 3; n++) assert.equal((await always()).outcome, "ok");
});
