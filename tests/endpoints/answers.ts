/**
 * Responses of real endpoints, each with where it was seen and what must become of the thought; shown in
 * docs/models.md.
 */
import { type Asked, complaint, completion, type Say, USAGE, VALID } from "../support/fake_openai.ts";

export interface EndpointAnswer {
  /** What comes. */
  readonly what: string;
  /** Where it was seen: an issue or pull request on GitHub, or a document. */
  readonly source: string;
  readonly say: Say;
  /** What becomes of the thought. */
  readonly then: "the result" | Failed;
  /** Requests sent. */
  readonly requests: number;
  /**
   * Of them, those that the model answered and that so cost something; undefined if that is unknown.
   */
  readonly paid: number | undefined;
  /** Requests for a second thought, where something was learned from the first. */
  readonly requestsAfter?: number;
}

export interface Failed {
  readonly kind: "unavailable" | "refused" | "invalid" | "timeout";
  readonly scope?: "outage" | "rate" | "quota" | "credentials";
  readonly retryAfterMs?: number;
  /** What people and the log are told. */
  readonly reason: RegExp;
}

const outage = (reason: RegExp): Failed => ({ kind: "unavailable", scope: "outage", reason });
const rate = (retryAfterMs: number): Failed => ({
  kind: "unavailable",
  scope: "rate",
  retryAfterMs,
  reason: /HTTP 429: Rate limit/,
});
const limited = (headers: HeadersInit): Say => () =>
  complaint(429, { message: "Rate limit reached for requests", code: "rate_limit_exceeded" }, headers);
/** One response after another, the last one from then on. */
const inTurn = (...says: Say[]): Say => (asked, at) => says[Math.min(at, says.length - 1)]!(asked, at);
const limitOf = (asked: Asked) => asked.max_completion_tokens ?? asked.max_tokens ?? 0;
const result = JSON.parse(VALID);
const changed = (change: (copy: typeof result) => void) => {
  const copy = structuredClone(result);
  change(copy);
  return JSON.stringify(copy);
};

export const ENDPOINT_ANSWERS: readonly EndpointAnswer[] = [
  {
    what: "JSON",
    source: "platform.openai.com/docs",
    say: () => completion(),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "JSON in a fence",
    source: "veniceai/api-docs#264",
    say: () => completion("```json\n" + VALID + "\n```"),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "prose around a fence",
    source: "vectorize-io/hindsight#2542",
    say: () => completion("Sure! Here is the analysis:\n\n```\n" + VALID + "\n```\nI hope {this} helps."),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "prose around bare JSON",
    source: "getzep/graphiti#1291",
    say: () => completion(`Here you are: ${VALID} Anything else?`),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "JSON with a comma too many and single quotes",
    source: "run-llama/llama_index#11345",
    say: () => completion(VALID.replaceAll('"', "'").replace(/\}$/, ",}")),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "`<think>…</think>` before it, with braces in it",
    source: "vllm-project/vllm#34625",
    say: () => completion(`<think>The user {wants} an {"analysis": 1}.</think>\n${VALID}`),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "`…</think>` without its opening tag",
    source: "vllm-project/vllm#31045",
    say: () => completion(`Okay, let me think {about} it.\n</think>\n\n${VALID}`),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "null content, the answer in `reasoning_content`",
    source: "vllm-project/vllm#17349",
    say: () => completion(null, { message: { reasoning_content: VALID } }),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "empty content, the answer in `reasoning`",
    source: "ollama/ollama#12628",
    say: () => completion("", { message: { reasoning: VALID } }),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "content as parts, thinking among them",
    source: "HKUDS/nanobot#2494",
    say: () =>
      completion([
        { type: "thinking", thinking: [{ type: "text", text: "{}" }] },
        { type: "text", text: VALID.slice(0, 50) },
        { type: "text", text: VALID.slice(50) },
      ]),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "numbers as strings",
    source: "mdocui/mdocui#13",
    say: () =>
      completion(VALID.replace(/"score":(\d+)/, '"score":"$1"').replaceAll(/:(-?0?\.\d+)/g, ':"$1"')),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: '"Task" for `task`',
    source: "mdocui/mdocui#13",
    say: () =>
      completion(changed((copy) => {
        copy.classification.type = ` ${copy.classification.type.toUpperCase()} `;
        copy.priority.level = copy.priority.level.toUpperCase();
      })),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "extra fields, at the top and inside",
    source: "mdocui/mdocui#13",
    say: () =>
      completion(changed((copy) => {
        copy.confidence = 0.9;
        copy.priority.note = "hello";
        copy.value.spirituality = 1;
      })),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "a list of one",
    source: "vectorize-io/hindsight#645",
    say: () => completion(`[${VALID}]`),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "an invalid answer, then a valid one",
    source: "ollama/ollama#8063",
    say: inTurn(() => completion(changed((copy) => delete copy.priority)), () => completion()),
    then: "the result",
    requests: 2,
    paid: 2,
  },
  {
    what: "`json_schema` refused",
    source: "ItzCrazyKns/Vane#980",
    say: (asked) =>
      asked.response_format?.type === "json_schema"
        ? complaint(400, { message: "This model does not support response format `json_schema`." })
        : completion(),
    then: "the result",
    requests: 2,
    paid: 1,
    requestsAfter: 1,
  },
  {
    what: "`json_schema` and `json_object` refused",
    source: "autogenhub/autogen#77",
    say: (asked) =>
      asked.response_format === undefined
        ? completion("```json\n" + VALID + "```")
        : complaint(400, { message: `response_format ${asked.response_format.type} is unavailable` }),
    then: "the result",
    requests: 3,
    paid: 1,
    requestsAfter: 1,
  },
  {
    what: "a word of the schema refused",
    source: "i-am-bee/beeai-framework#1215",
    say: (asked) =>
      /minItems|maxItems|propertyNames|additionalProperties|\$schema|minLength/
          .test(JSON.stringify(asked.response_format))
        ? complaint(400, { message: "invalid schema for response format: minItems is not supported" })
        : completion(),
    then: "the result",
    requests: 1,
    paid: 1,
  },
  {
    what: "`max_completion_tokens` refused (422)",
    source: "editor-code-assistant/eca#231",
    say: (asked) =>
      asked.max_completion_tokens === undefined ? completion() : Response.json({
        object: "error",
        message: { detail: [{ type: "extra_forbidden", loc: ["body", "max_completion_tokens"] }] },
        type: "invalid_request_error",
        code: null,
      }, { status: 422 }),
    then: "the result",
    requests: 2,
    paid: 1,
    requestsAfter: 1,
  },
  {
    what: "both refused, one after the other",
    source: "voideditor/void#128",
    say: (asked) =>
      asked.max_completion_tokens !== undefined
        ? complaint(400, {
          message: "[{'type': 'extra_forbidden', 'loc': ('body', 'max_completion_tokens')}]",
        })
        : asked.response_format?.type === "json_schema"
        ? complaint(400, { message: "response_format.type: json_schema is not supported" })
        : completion(),
    then: "the result",
    requests: 3,
    paid: 1,
    requestsAfter: 1,
  },
  {
    what: "`finish_reason: length`, enough with more tokens",
    source: "ra-jeev/write-assist-ai#32",
    say: (asked) => limitOf(asked) < 2_000 ? completion("", { finishReason: "length" }) : completion(),
    then: "the result",
    requests: 2,
    paid: 2,
    requestsAfter: 1,
  },
  {
    what: "`finish_reason: length`, always",
    source: "567-labs/instructor#276",
    say: () => completion(VALID.slice(0, 60), { finishReason: "length" }),
    then: { kind: "invalid", reason: /cut off after 6000 tokens/ },
    requests: 2,
    paid: 2,
  },
  {
    what: "a refusal",
    source: "openai/openai-agents-python#3055",
    say: () => completion(null, { message: { refusal: "I'm sorry, I can't assist with that." } }),
    then: { kind: "refused", reason: /refusal: I'm sorry, I can't assist with that/ },
    requests: 1,
    paid: 1,
  },
  {
    what: "`finish_reason: content_filter`",
    source: "GooeyAI/gooey-server#757",
    say: () => completion("{", { finishReason: "content_filter" }),
    then: { kind: "refused", reason: /content filter/ },
    requests: 1,
    paid: 1,
  },
  {
    what: "400 `content_filter`",
    source: "openai/openai-dotnet#55",
    say: () =>
      complaint(400, {
        message: "The response was filtered due to the prompt triggering the content management policy.",
        code: "content_filter",
        innererror: { code: "ResponsibleAIPolicyViolation" },
      }),
    then: { kind: "refused", reason: /HTTP 400: The response was filtered/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "403 for a flagged input",
    source: "openrouter.ai/docs/api-reference/errors",
    say: () => complaint(403, { message: "Your input was flagged by moderation", code: 403 }),
    then: { kind: "refused", reason: /flagged by moderation/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "422 with a reason",
    source: "docs.mistral.ai",
    say: () => Response.json({ detail: [{ loc: ["body", "messages"], msg: "too long" }] }, { status: 422 }),
    then: { kind: "refused", reason: /HTTP 422: .*too long/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "413",
    source: "RFC 9110",
    say: () => new Response("too large", { status: 413 }),
    then: { kind: "refused", reason: /HTTP 413/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "no choices",
    source: "pydantic/pydantic-ai#7909",
    say: () => Response.json({ id: "1", object: "chat.completion", choices: [], usage: USAGE }),
    then: { kind: "invalid", reason: /no choices/ },
    requests: 1,
    paid: 1,
  },
  {
    what: "two invalid answers",
    source: "ollama/ollama#8063",
    say: () => completion("I would rather not."),
    then: { kind: "invalid", reason: /not JSON/ },
    requests: 2,
    paid: 2,
  },
  {
    what: "usage of `1e400` tokens",
    source: "this project",
    say: () =>
      new Response(
        JSON.stringify({ choices: [{ message: { content: VALID }, finish_reason: "stop" }] })
          .replace(/\}$/, `,"usage":{"prompt_tokens":1e400,"completion_tokens":1}}`),
        { headers: { "content-type": "application/json" } },
      ),
    then: "the result",
    requests: 1,
    paid: undefined,
  },
  {
    what: 'usage of `"99999"` and `-100` tokens',
    source: "this project",
    say: () => completion(VALID, { usage: { prompt_tokens: "99999", completion_tokens: -100 } }),
    then: "the result",
    requests: 1,
    paid: undefined,
  },
  {
    what: "no usage",
    source: "ggml-org/llama.cpp",
    say: () => completion(VALID, { usage: null }),
    then: "the result",
    requests: 1,
    paid: undefined,
  },
  {
    what: "429, `Retry-After` in seconds",
    source: "icereed/paperless-gpt#814",
    say: limited({ "retry-after": "20" }),
    then: rate(20_000),
    requests: 1,
    paid: 0,
  },
  {
    what: "429, `Retry-After` as a date",
    source: "RFC 9110",
    say: limited({ "retry-after": new Date(Date.now() - 60_000).toUTCString() }),
    then: rate(0),
    requests: 1,
    paid: 0,
  },
  {
    what: "429, `retry-after-ms`",
    source: "microsoft/kernel-memory#795",
    say: limited({ "retry-after-ms": "750", "retry-after": "1" }),
    then: rate(750),
    requests: 1,
    paid: 0,
  },
  {
    what: "429, `x-ratelimit-reset-tokens`",
    source: "openai/openai-python#937",
    say: limited({ "x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m30s" }),
    then: rate(90_000),
    requests: 1,
    paid: 0,
  },
  {
    what: "429 `insufficient_quota`",
    source: "openai/openai-python#937",
    say: () =>
      complaint(429, {
        message: "You exceeded your current quota, please check your plan and billing details.",
        type: "insufficient_quota",
        code: "insufficient_quota",
      }),
    then: { kind: "unavailable", scope: "quota", reason: /exceeded your current quota/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "402",
    source: "openrouter.ai/docs/api-reference/errors",
    say: () => complaint(402, { message: "Insufficient credits", code: 402 }),
    then: { kind: "unavailable", scope: "quota", reason: /Insufficient credits/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "401",
    source: "platform.openai.com/docs/guides/error-codes",
    say: () => complaint(401, { message: "Incorrect API key provided", code: "invalid_api_key" }),
    then: { kind: "unavailable", scope: "credentials", reason: /HTTP 401: Incorrect API key/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "400 for a key, in a list",
    source: "MinLL/SkyrimNet-GamePlugin#77",
    say: () =>
      Response.json([{ error: { code: 400, message: "API key not valid.", status: "INVALID_ARGUMENT" } }], {
        status: 400,
      }),
    then: { kind: "unavailable", scope: "credentials", reason: /API key not valid/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "404 for the model",
    source: "ollama/ollama",
    say: () => complaint(404, { message: 'model "llama9" not found, try pulling it first' }),
    then: outage(/HTTP 404: model "llama9" not found/),
    requests: 1,
    paid: 0,
  },
  {
    what: "503 with `Retry-After`",
    source: "microsoft/kernel-memory#795",
    say: () => new Response("overloaded", { status: 503, headers: { "retry-after": "7" } }),
    then: { ...outage(/HTTP 503/), retryAfterMs: 7_000 },
    requests: 1,
    paid: 0,
  },
  {
    what: "an error in a body with status 200",
    source: "spring-projects/spring-ai#6908",
    say: () =>
      Response.json({
        error: {
          message: "Provider returned error",
          code: 429,
          metadata: { raw: "Rate limit upstream: retry shortly", provider_name: "BaseTen" },
        },
      }, { headers: { "retry-after": "3" } }),
    then: { ...rate(3_000), reason: /HTTP 429: Rate limit upstream/ },
    requests: 1,
    paid: 0,
  },
  {
    what: "a web page with status 200",
    source: "zh-plus/openlrc#36",
    say: () =>
      new Response("<!doctype html><title>New API</title>", { headers: { "content-type": "text/html" } }),
    then: outage(/web page/),
    requests: 1,
    paid: 0,
  },
  {
    what: "a web page with status 502",
    source: "tsundereraws/aisub-translator#2",
    say: () => new Response("<html>Bad Gateway</html>", { status: 502 }),
    then: outage(/HTTP 502/),
    requests: 1,
    paid: 0,
  },
  {
    what: "JSON of another kind",
    source: "beekeeper-studio/beekeeper-studio#4188",
    say: () => Response.json({ object: "list", data: [] }),
    then: outage(/not a completion/),
    requests: 1,
    paid: 0,
  },
  {
    what: "an event stream",
    source: "earendil-works/pi#2537",
    say: () =>
      new Response(`data: {"choices":[{"delta":{"content":"{}"}}]}\n\ndata: [DONE]\n\n`, {
        headers: { "content-type": "text/event-stream" },
      }),
    then: outage(/event stream/),
    requests: 1,
    paid: 0,
  },
  {
    what: "a body that never ends",
    source: "vllm-project/vllm#13260",
    say: () => {
      const spaces = new TextEncoder().encode(" ".repeat(65_536));
      return new Response(
        new ReadableStream({ pull: (controller) => controller.enqueue(spaces) }),
        { headers: { "content-type": "application/json" } },
      );
    },
    then: outage(/longer than 1000000 bytes/),
    requests: 1,
    paid: 0,
  },
  {
    what: "a body that stalls",
    source: "vllm-project/vllm#13260",
    say: () =>
      new Response(
        new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode("{")) }),
        { headers: { "content-type": "application/json" } },
      ),
    then: { kind: "timeout", reason: /no response in time/ },
    requests: 1,
    paid: 0,
  },
  ...[307, 302].map((status): EndpointAnswer => ({
    what: `${status} to another address`,
    source: "openai/openai-python#3516",
    say: () =>
      new Response(null, { status, headers: { location: "http://127.0.0.1:9/v1/chat/completions" } }),
    then: outage(new RegExp(`HTTP ${status}: it redirects to 127\\.0\\.0\\.1:9, which is not followed`)),
    requests: 1,
    paid: 0,
  })),
];
