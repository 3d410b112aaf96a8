/** One thought, one trace: what real processes export, from the request to the stored result. */
import assert from "node:assert/strict";
import { freshDatabase, type Services, testOnServices } from "../support/services.ts";
import { type CollectedSpan, type OtlpReceiver, startOtlpReceiver } from "../support/otlp.ts";
import { loggedUrl, type RunningProcess, startProcess } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

/** In every thought that these tests post, and may be nowhere else. */
const CANARY = "zanzibar-canary";
const UNSAMPLED = "00-00000000000000000000000000000001-0000000000000001-00";

testOnServices(
  "a thought is one trace, from POST in the API to the stored result in the worker",
  async (services) => {
    await using system = await startSystem(services, {});
    const { receiver, api, worker } = system;
    const traceId = crypto.randomUUID().replaceAll("-", "");
    const { id, response } = await post(api.url, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
    assert.equal(response.headers.get("x-trace-id"), traceId);
    await finished(api.url, id, "completed");

    const spans = await traceWith(receiver, traceId, "store results");
    const named = (name: string) => {
      const found = spans.filter((span) => span.name === name);
      assert.equal(found.length, 1, `one span "${name}" among ${spans.map((span) => span.name)}`);
      return found[0]!;
    };
    const server = named("POST /thoughts");
    assert.equal(server.kind, 2);
    assert.equal(server.service, "thoughtprocessor-api");
    assert.equal(server.parentSpanId, "00f067aa0ba902b7");
    assert.equal(server.attributes["http.route"], "/thoughts");
    assert.equal(Number(server.attributes["http.response.status_code"]), 201);
    const insert = named("INSERT thoughts");
    assert.deepEqual([insert.kind, insert.parentSpanId], [3, server.spanId]);
    assert.equal(insert.attributes["db.system.name"], "postgresql");

    const send = named("send thoughts");
    assert.deepEqual([send.kind, send.service], [4, "kafka-worker"]);
    assert.ok(
      [server.spanId, insert.spanId].includes(send.parentSpanId),
      "the outbox carries the request's context",
    );
    assert.equal(send.attributes["messaging.destination.name"], "thoughts");
    const receive = named("receive thoughts");
    const process = named("process thoughts");
    assert.deepEqual([receive.kind, receive.parentSpanId], [5, send.spanId]);
    assert.deepEqual([process.kind, process.parentSpanId], [5, send.spanId]);
    assert.deepEqual(process.links.map((link) => link.spanId), [receive.spanId]);
    for (const step of ["claim thoughts", "look up analyses", "analyse thought", "store results"]) {
      assert.equal(named(step).parentSpanId, process.spanId, step);
    }
    assert.deepEqual(spans.filter((span) => span.status === 2), []);

    for (const program of [api.program, worker]) {
      await waitFor(
        "a log line with the trace's id",
        () => Promise.resolve(program.stdout().includes(traceId)),
      );
    }
    const exposed = await scrape(system.workerUrl) + await scrape(api.url);
    for (
      const histogram of [
        "http_request_duration_seconds",
        "batch_processor_processing_duration_seconds",
        "batch_processor_end_to_end_seconds",
      ]
    ) {
      assert.match(exposed, new RegExp(`${histogram}_bucket\\{.*# \\{trace_id="${traceId}"\\}`), histogram);
    }
  },
);

testOnServices("a batch's receive span is linked to the traces of all its thoughts", async (services) => {
  await using system = await startSystem(services, {});
  const { receiver, api, worker } = system;
  worker.kill("SIGSTOP"); // so that the thoughts come in one batch
  const traceIds = Array.from({ length: 3 }, () => crypto.randomUUID().replaceAll("-", ""));
  // One user is one partition.
  for (const traceId of traceIds) await post(api.url, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  worker.kill("SIGCONT");
  const processed = await waitFor("three process spans", () => {
    const found = receiver.spans.filter((span) => span.name === "process thoughts");
    return Promise.resolve(found.length === 3 && found);
  }, { describe: () => receiver.spans.map((span) => span.name) });
  assert.deepEqual(new Set(processed.map((span) => span.traceId)), new Set(traceIds));
  const receives = await waitFor("the receive spans", () => {
    const found = receiver.spans.filter((span) => span.name === "receive thoughts");
    const covered = new Set(
      found.flatMap((span) => [span.traceId, ...span.links.map((link) => link.traceId)]),
    );
    return Promise.resolve(traceIds.every((traceId) => covered.has(traceId)) && found);
  }, { describe: () => receiver.spans.filter((span) => span.name === "receive thoughts") });
  assert.ok(receives.length < 3, "at least two thoughts shared a batch");
});

testOnServices("retries stay in the thought's trace, each attempt failed by its reason", async (services) => {
  await using model = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () =>
      Response.json({
        choices: [{ index: 0, message: { role: "assistant", content: "{}" }, finish_reason: "stop" }],
      }),
  );
  await using system = await startSystem(services, {
    ANALYSER: "openai",
    OPENAI_BASE_URL: `http://127.0.0.1:${model.addr.port}/v1`,
    MAX_ATTEMPTS: "2",
    RETRY_FIRST_MS: "10",
  });
  const { receiver, api } = system;
  const traceId = crypto.randomUUID().replaceAll("-", "");
  const { id } = await post(api.url, { traceparent: `00-${traceId}-00f067aa0ba902b7-01` });
  const thought = await finished(api.url, id, "failed");
  assert.equal(thought.attempts, 2);

  const spans = await traceWith(receiver, traceId, "send thoughts.dead");
  const attempts = await waitFor("two attempts", () => {
    const found = receiver.spans.filter((span) =>
      span.traceId === traceId && span.name === "process thoughts"
    );
    return Promise.resolve(found.length === 2 && found);
  });
  assert.deepEqual(attempts.map((span) => [span.status, span.attributes["error.type"]]), [
    [2, "invalid_result"],
    [2, "invalid_result"],
  ]);
  assert.ok(spans.some((span) => span.name === "send thoughts.dead"), "the dead letter is in the trace too");
});

testOnServices(
  "a thought that fails leaves its whole trace, although nothing is sampled",
  async (services) => {
    await using model = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => Response.json({ choices: [{ index: 0, message: { role: "assistant", content: "{}" } }] }),
    );
    await using system = await startSystem(services, {
      ANALYSER: "openai",
      OPENAI_BASE_URL: `http://127.0.0.1:${model.addr.port}/v1`,
      MAX_ATTEMPTS: "2",
      RETRY_FIRST_MS: "10",
    });
    const { receiver, api, worker } = system;
    const traceId = crypto.randomUUID().replaceAll("-", "");
    const { id } = await post(api.url, { traceparent: `00-${traceId}-00f067aa0ba902b7-00` });
    await finished(api.url, id, "failed", UNSAMPLED);
    const spans = await waitFor("two attempts", () => {
      const found = receiver.spans.filter((span) => span.traceId === traceId);
      return found.filter(({ name }) => name === "process thoughts").length === 2 && found;
    }, { describe: () => receiver.spans.map(({ name }) => name) });
    const [request, ...others] = spans.filter(({ name }) => name === "POST /thoughts");
    assert.equal(request!.service, "thoughtprocessor-api");
    assert.deepEqual(others, []);
    for (const { name, parentSpanId, service, status } of spans.filter((span) => span !== request)) {
      assert.deepEqual([parentSpanId, service], [request!.spanId, "kafka-worker"], name);
      assert.equal(status, name === "process thoughts" ? 2 : 0, name);
    }
    assert.ok(worker.stdout().includes(traceId), "the log line leads to it");
  },
);

testOnServices(
  "what is unsampled, probed or polled makes no span, and no thought text is exported or logged",
  async (services) => {
    await using system = await startSystem(services, { LOG_LEVEL: "DEBUG" });
    const { receiver, api, worker, workerUrl } = system;
    for (
      const url of [
        `${api.url}/health/live`,
        `${api.url}/metrics`,
        `${workerUrl}/health/ready`,
        `${workerUrl}/metrics`,
      ]
    ) {
      await (await fetch(url, { headers: { traceparent: UNSAMPLED } })).body?.cancel();
    }
    const { id } = await post(api.url, { traceparent: UNSAMPLED.replaceAll("1", "2") });
    await finished(api.url, id, "completed", UNSAMPLED);
    const { id: last } = await post(api.url, { traceparent: `00-${"a".repeat(32)}-00f067aa0ba902b7-01` });
    await finished(api.url, last, "completed", UNSAMPLED);
    await traceWith(receiver, "a".repeat(32), "store results");

    assert.deepEqual([...new Set(receiver.spans.map((span) => span.traceId))], ["a".repeat(32)]);
    const seen = receiver.raw() + api.program.stdout() + api.program.stderr() + worker.stdout() +
      worker.stderr() +
      await scrape(api.url) + await scrape(workerUrl);
    assert.ok(!seen.includes(CANARY), "no thought text in spans, logs or metrics");
  },
);

interface System extends AsyncDisposable {
  readonly receiver: OtlpReceiver;
  readonly api: { readonly program: RunningProcess; readonly url: string };
  readonly worker: RunningProcess;
  readonly workerUrl: string;
}

async function startSystem(
  { databaseUrl, kafkaBrokers, redisUrl }: Services,
  env: Record<string, string>,
): Promise<System> {
  const stack = new AsyncDisposableStack();
  const receiver = stack.use(startOtlpReceiver());
  const database = stack.use(await freshDatabase(databaseUrl));
  const shared = {
    ...receiver.env,
    DATABASE_URL: database.url,
    KAFKA_BROKERS: kafkaBrokers,
    REDIS_URL: redisUrl,
  };
  const program = stack.use(startProcess({
    args: ["-P=api", "api/main.ts"],
    env: {
      ...shared,
      ...env,
      API_PORT: "0",
    },
  }));
  const worker = stack.use(startProcess({
    args: ["-P=worker", "worker/main.ts"],
    env: {
      ...shared,
      ...env,
      WORKER_PORT: "0",
    },
  }));
  const [url, workerUrl] = await Promise.all([loggedUrl(program, "url"), loggedUrl(worker, "metrics")]);
  await waitFor(
    "the worker to join its group",
    async () => /^batch_processor_active_workers 1$/m.test(await scrape(workerUrl)),
  );
  return {
    receiver,
    api: { program, url },
    worker,
    workerUrl,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

async function post(
  url: string,
  headers: Record<string, string>,
): Promise<{ id: string; response: Response }> {
  const response = await fetch(`${url}/thoughts`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    // A text of its own each time: the cache is shared with other tests.
    body: JSON.stringify({ user_id: "tracer", text: `I wonder about ${CANARY} ${crypto.randomUUID()}` }),
  });
  assert.equal(response.status, 201);
  return { id: (await response.json()).id, response };
}

function finished(
  url: string,
  id: string,
  status: string,
  traceparent = UNSAMPLED,
): Promise<{ attempts: number }> {
  return waitFor(`thought to be ${status}`, async () => {
    const thought = await (await fetch(`${url}/thoughts/${id}`, { headers: { traceparent } })).json();
    return thought.status === status && thought;
  });
}

/** The spans of a trace, once the one with this name has come in. */
async function traceWith(receiver: OtlpReceiver, traceId: string, name: string): Promise<CollectedSpan[]> {
  const ofTrace = () => receiver.spans.filter((span) => span.traceId === traceId);
  await waitFor(`span "${name}"`, () => Promise.resolve(ofTrace().some((span) => span.name === name)), {
    describe: () => receiver.spans.map((span) => `${span.traceId} ${span.service} ${span.name}`),
  });
  // The parents of a span end after it: wait until each trace's span has its parent.
  await waitFor("the spans' parents", () => {
    const ids = new Set(ofTrace().map((span) => span.spanId));
    return Promise.resolve(
      ofTrace().every((span) => ids.has(span.parentSpanId) || span.parentSpanId === "00f067aa0ba902b7"),
    );
  }, { describe: () => ofTrace() });
  return ofTrace();
}

async function scrape(url: string): Promise<string> {
  const headers = { accept: "application/openmetrics-text", traceparent: UNSAMPLED };
  return await (await fetch(`${url}/metrics`, { headers })).text();
}
