/** The openai analyser against a server that speaks the protocol. */
import assert from "node:assert/strict";
import { loadConfig } from "../../core/config.ts";
import { within } from "../../core/deadline.ts";
import { type Asked, completion, type Say, startFakeOpenAi, VALID } from "../../tests/support/fake_openai.ts";
import { aResult } from "../../tests/support/thoughts.ts";
import { type Analysis, AnalysisError } from "./analyser.ts";
import { createOpenAiAnalyser } from "./openai.ts";

const KEY = "sk-canary-7f3a";
const TEXT = "a canary in the text";
const SUBJECT = { text: TEXT, context: "a canary in the context" };
const signal = new AbortController().signal;

/** What the server says to the first, second … request: content of a completion, or a response of its own. */
type Says = string | Say;

/** A server that answers in this order, and the analyser that asks it. */
async function conversation(
  says: readonly Says[],
  test: (analyse: (signal?: AbortSignal) => Promise<Analysis>, asked: readonly Asked[]) => Promise<void>,
  env: Record<string, string> = {},
) {
  await using endpoint = startFakeOpenAi((asked, at) => {
    const say = says[at] ?? "more was asked than expected";
    return typeof say === "string" ? completion(say) : say(asked, at);
  });
  const variables: Record<string, string> = {
    OPENAI_BASE_URL: endpoint.url,
    OPENAI_API_KEY: KEY,
    OPENAI_MODEL: "gpt-4.1-mini",
    ...env,
  };
  const analyser = createOpenAiAnalyser(loadConfig({ env: (name) => variables[name] }));
  await test(async (deadline = signal) => await analyser.analyse(SUBJECT, deadline), endpoint.asked);
}

const TWO_PARTS = JSON.stringify({ classification: aResult().classification, analysis: aResult().analysis });

Deno.test("a valid answer is the result, with what it cost", () =>
  conversation([VALID], async (analyse, asked) => {
    const { result, usage } = await analyse();
    assert.deepEqual(result, aResult());
    assert.deepEqual(usage, {
      provider: "127.0.0.1",
      model: "gpt-4.1-mini",
      inputTokens: 100,
      outputTokens: 10,
      costUsd: (100 * 0.4 + 10 * 1.6) / 1e6,
    });
    assert.equal(asked.length, 1);
    assert.equal(asked[0]!.authorization, `Bearer ${KEY}`);
    assert.equal(asked[0]!.model, "gpt-4.1-mini");
    assert.ok(asked[0]!.max_completion_tokens! <= 2_000, "the answer's length is capped");
  }));

Deno.test("thought and context stand in the user message, as JSON, and nowhere else", () =>
  conversation([VALID], async (analyse, asked) => {
    await analyse();
    const [user, ...others] = asked[0]!.messages.filter(({ content }) => content.includes("canary"));
    assert.deepEqual(others, []);
    assert.equal(user!.role, "user");
    assert.deepEqual(JSON.parse(user!.content), { thought: TEXT, context: SUBJECT.context });
  }));

for (
  const [what, wrong] of [
    ["no JSON", "Sure! Here is your analysis:"],
    ["JSON of two parts", TWO_PARTS],
    ["a score above 100", VALID.replace(/"score":\d+/, `"score":101`)],
    ["nothing", ""],
  ] as const
) {
  Deno.test(`an answer that is ${what} is asked for once more and then taken, both paid for`, () =>
    conversation([wrong, VALID], async (analyse, asked) => {
      const { result, usage } = await analyse();
      assert.deepEqual(result, aResult());
      assert.deepEqual([usage!.inputTokens, usage!.outputTokens], [200, 20]);
      assert.equal(asked.length, 2);
      const roles = asked[1]!.messages.map(({ role }) => role);
      assert.deepEqual(roles, ["system", "user", "assistant", "user"]);
      assert.match(asked[1]!.messages.at(-1)!.content, /^Not valid: .+ Answer again\.$/s);
    }));
}

Deno.test("a second invalid answer is handed on as it is, paid for, and no third is asked for", () =>
  conversation(["nonsense", TWO_PARTS], async (analyse, asked) => {
    const { result, usage } = await analyse();
    assert.deepEqual(result, JSON.parse(TWO_PARTS), "the caller checks it and says what is wrong");
    assert.equal(usage!.inputTokens, 200);
    assert.equal(asked.length, 2);
  }));

const status = (code: number): Say => () =>
  Response.json({ error: { message: `Key ${KEY} and ${TEXT}`, type: "x", code: null, param: null } }, {
    status: code,
  });

for (
  const [what, say, message] of [
    ["429", status(429), /127\.0\.0\.1 failed \(HTTP 429: Key … and …\)/],
    ["401", status(401), /HTTP 401/],
    ["500", status(500), /HTTP 500/],
    ["a page in place of JSON", () => new Response(`<p>${TEXT}</p>`), /./],
    ["a completion without choices", () => Response.json({ id: "1", choices: [] }), /no choices/],
    ["JSON of another kind", () => Response.json({ hello: TEXT }), /not a completion/],
  ] as const
) {
  Deno.test(`${what} is not retried here, and its error holds neither key nor text`, () =>
    conversation([say, say], async (analyse, asked) => {
      const outcome = await analyse().then(({ result }) => result, (error) => error);
      assert.ok(outcome instanceof AnalysisError, String(outcome));
      assert.match(outcome.message, message);
      assert.doesNotMatch(outcome.message, /canary/);
      assert.equal(asked.length, 1);
    }));
}

Deno.test("what the first answer cost is known even when the repair fails", () =>
  conversation(["nonsense", status(500)], async (analyse) => {
    const error = await analyse().then(() => undefined, (error) => error);
    assert.ok(error instanceof AnalysisError);
    assert.deepEqual([error.usage?.inputTokens, error.usage?.outputTokens], [100, 10]);
  }));

Deno.test("a silent server is given up after ANALYSER_TIMEOUT_MS", async () => {
  const over = Promise.withResolvers<Response>();
  await conversation([() => over.promise], async (analyse) => {
    await assert.rejects(
      analyse(),
      { name: "AnalysisError", kind: "timeout", message: /no response in time/ },
    );
    over.resolve(new Response());
  }, { ANALYSER_TIMEOUT_MS: "100" });
});

Deno.test("an analysis ends as soon as the deadline's signal aborts", async () => {
  const over = Promise.withResolvers<Response>();
  const deadline = new AbortController();
  const hang = () => {
    deadline.abort();
    return over.promise;
  };
  await conversation([hang], async (analyse) => {
    await assert.rejects(within(5_000, "The analyser", analyse(deadline.signal)), AnalysisError);
    over.resolve(new Response());
  });
});

Deno.test("without a key openai.com is refused at the start, another endpoint is not", () => {
  const configured = (env: Record<string, string>) => loadConfig({ env: (name) => env[name] });
  assert.throws(() => createOpenAiAnalyser(configured({})), /set OPENAI_API_KEY or OPENAI_API_KEY_FILE/);
  createOpenAiAnalyser(configured({ OPENAI_BASE_URL: "http://localhost:11434/v1" }));
});
