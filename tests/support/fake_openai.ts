/** The project's own OpenAI-compatible endpoint: a real server with scripted responses. */
import { aResult } from "./thoughts.ts";

/** A request it received. */
export interface Asked {
  readonly authorization: string | null;
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly response_format?: { readonly type: string; readonly json_schema?: { readonly schema: unknown } };
  readonly max_completion_tokens?: number;
  readonly max_tokens?: number;
}

/** The response to the request of this number, from 0. */
export type Say = (asked: Asked, at: number) => Response | Promise<Response>;

export interface FakeOpenAi extends AsyncDisposable {
  /** For `OPENAI_BASE_URL`. */
  readonly url: string;
  readonly port: number;
  /** Every request so far. */
  readonly asked: readonly Asked[];
  /** How many are in progress now. */
  readonly underWay: () => number;
  /** Responds differently from now on. */
  say(say: Say): void;
}

export interface FakeOpenAiOptions {
  /** The port to return to after an outage. @default any that is free */
  readonly port?: number;
  /** @default "127.0.0.1" */
  readonly hostname?: string;
}

export function startFakeOpenAi(
  say: Say = () => completion(),
  { port = 0, hostname = "127.0.0.1" }: FakeOpenAiOptions = {},
): FakeOpenAi {
  const asked: Asked[] = [];
  let underWay = 0;
  const server = Deno.serve({ hostname, port, onListen() {} }, async (request) => {
    if (new URL(request.url).pathname !== "/v1/chat/completions") return new Response(null, { status: 404 });
    underWay++;
    try {
      const { authorization = null } = Object.fromEntries(request.headers);
      asked.push({ authorization, ...await request.json() });
      return await say(asked.at(-1)!, asked.length - 1);
    } finally {
      underWay--;
    }
  });
  return {
    url: `http://${hostname}:${server.addr.port}/v1`,
    port: server.addr.port,
    asked,
    underWay: () => underWay,
    say: (other) => say = other,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

export interface CompletionOptions {
  readonly finishReason?: string;
  /** Fields beside or in place of `role` and `content`. */
  readonly message?: Readonly<Record<string, unknown>>;
  readonly usage?: unknown;
}

/** A valid result, as the model would write it. */
export const VALID = JSON.stringify(aResult());

/** A completion as OpenAI sends it; 100 tokens in and 10 out unless told. */
export function completion(content: unknown = VALID, options: CompletionOptions = {}): Response {
  const { finishReason = "stop", message = {}, usage = USAGE } = options;
  return Response.json({
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 0,
    model: "fake",
    choices: [{ index: 0, message: { role: "assistant", content, ...message }, finish_reason: finishReason }],
    usage,
  });
}

export const USAGE = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };

/** An error as OpenAI sends it. */
export function complaint(
  status: number,
  error: Readonly<Record<string, unknown>>,
  headers: HeadersInit = {},
): Response {
  return Response.json({ error: { type: "invalid_request_error", param: null, code: null, ...error } }, {
    status,
    headers,
  });
}
