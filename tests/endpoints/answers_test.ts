/** The openai analyser before a real server that answers as endpoints were seen to answer. */
import assert from "node:assert/strict";
import { loadConfig } from "../../core/config.ts";
import { ResultSchema } from "../../core/result.ts";
import { AnalysisError } from "../../worker/analysers/analyser.ts";
import { createOpenAiAnalyser } from "../../worker/analysers/openai.ts";
import { startFakeOpenAi } from "../support/fake_openai.ts";
import { aResult } from "../support/thoughts.ts";
import { ENDPOINT_ANSWERS, type Failed } from "./answers.ts";

const SUBJECT = { text: "I want to learn to play the guitar this year", context: "a canary of a context" };
const patient = new AbortController().signal;

for (const { what, source, say, then, requests, paid, requestsAfter } of ENDPOINT_ANSWERS) {
  Deno.test(`${what} (${source})`, async () => {
    await using endpoint = startFakeOpenAi(say);
    const env: Record<string, string> = {
      OPENAI_BASE_URL: endpoint.url,
      OPENAI_API_KEY: "sk-canary",
      OPENAI_MODEL: "gpt-4.1-mini",
      ANALYSER_TIMEOUT_MS: "1000",
    };
    const analyser = createOpenAiAnalyser(loadConfig({ env: (name) => env[name] }));
    const ended = await Promise.resolve(analyser.analyse(SUBJECT, patient)).catch((error) => error);

    const usage = ended.usage;
    assert.equal(endpoint.asked.length, requests, "requests sent");
    if (paid === undefined) assert.equal(usage, undefined);
    else assert.deepEqual([usage?.inputTokens, usage?.requests ?? 1], [100 * paid, requests], String(ended));
    if (then === "the result") assert.deepEqual(ended.result, aResult(), String(ended));
    else failedAs(then, ended);

    if (requestsAfter === undefined) return;
    await analyser.analyse(SUBJECT, patient);
    assert.equal(endpoint.asked.length - requests, requestsAfter, "what was learned is kept");
  });
}

function failedAs(then: Failed, ended: unknown) {
  if (!(ended instanceof AnalysisError)) {
    // The caller checks every result; one that is not valid is an invalid answer.
    assert.equal(then.kind, "invalid", String(ended));
    assert.equal(ResultSchema.safeParse((ended as { result: unknown }).result).success, false);
    return;
  }
  assert.match(ended.message, then.reason);
  assert.doesNotMatch(ended.message, /canary|guitar/);
  assert.equal(ended.kind, then.kind);
  if (then.scope !== undefined) assert.equal(ended.scope, then.scope);
  assert.equal(ended.retryAfterMs, then.retryAfterMs);
}

Deno.test("an endpoint that nobody listens at is unavailable, and says so", async () => {
  const gone = startFakeOpenAi();
  await gone[Symbol.asyncDispose]();
  const env: Record<string, string> = { OPENAI_BASE_URL: gone.url };
  const analyser = createOpenAiAnalyser(loadConfig({ env: (name) => env[name] }));
  const error = await Promise.resolve(analyser.analyse(SUBJECT, patient)).catch((error) => error);
  failedAs({ kind: "unavailable", scope: "outage", reason: /no response: .*refused/i }, error);
});

Deno.test("an endpoint that ends the connection in the middle of its answer is unavailable", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  (async () => {
    for await (const connection of listener) {
      await connection.read(new Uint8Array(10_000));
      await connection.write(
        new TextEncoder().encode(
          "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n{",
        ),
      );
      connection.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const env: Record<string, string> = { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` };
  const analyser = createOpenAiAnalyser(loadConfig({ env: (name) => env[name] }));
  const error = await Promise.resolve(analyser.analyse(SUBJECT, patient)).catch((error) => error);
  failedAs({ kind: "unavailable", scope: "outage", reason: /no response/ }, error);
});

Deno.test("what a provider quotes of the thought reaches nobody, however it quotes it", async () => {
  const quotes = [
    `Invalid content: "${SUBJECT.text}"`,
    `Invalid: ${JSON.stringify({ text: SUBJECT.text, context: SUBJECT.context })}`,
    `Invalid at "${SUBJECT.text.slice(7, 30)}" with key sk-canary`,
  ];
  for (const message of quotes) {
    await using endpoint = startFakeOpenAi(() => Response.json({ error: { message } }, { status: 400 }));
    const env: Record<string, string> = { OPENAI_BASE_URL: endpoint.url, OPENAI_API_KEY: "sk-canary" };
    const analyser = createOpenAiAnalyser(loadConfig({ env: (name) => env[name] }));
    const error = await Promise.resolve(analyser.analyse(SUBJECT, patient)).catch((error) => error);
    failedAs({ kind: "refused", reason: /HTTP 400: Invalid/ }, error);
  }
});

Deno.test("a reason is cut", async () => {
  await using endpoint = startFakeOpenAi(() =>
    Response.json({ error: { message: "no\n\0 ".repeat(5_000) } }, { status: 400 })
  );
  const env: Record<string, string> = { OPENAI_BASE_URL: endpoint.url };
  const analyser = createOpenAiAnalyser(loadConfig({ env: (name) => env[name] }));
  const error = await Promise.resolve(analyser.analyse(SUBJECT, patient)).catch((error) => error);
  assert.ok(error.message.length < 300, String(error.message.length));
  assert.doesNotMatch(error.message, /[\0\n]/);
});
