/**
 * A language model controlled by the thought's words: an HTTP server speaking the chat-completions protocol.
 */

/**
 * Words in a thought that make the model fail in one way each; `kill` has {@link ModelOptions.onKill} called.
 */
export const TRIGGERS = { error: "[error]", hang: "[hang]", invalid: "[invalid]", kill: "[kill]" } as const;

export interface Model extends AsyncDisposable {
  /** For OPENAI_BASE_URL. */
  readonly url: string;
  /** Questions that have not been answered yet. */
  readonly waiting: number;
  /** The most that there were at once. */
  readonly mostWaiting: number;
  /** When a thought was asked about first, by performance.now(); undefined before. */
  askedAt(thought: string): number | undefined;
  /** Answers no request until {@link release}. */
  holdBack(): void;
  release(): void;
  /** From now on it returns 503 to every request. */
  goAway(): void;
  comeBack(): void;
  /** From now on no word makes it fail. */
  mend(): void;
}

export interface ModelOptions {
  /** Time an answer takes. @default 0 */
  readonly latencyMs?: number;
  /** Kills the caller; the request is never answered. */
  readonly onKill?: () => void;
}

export function startModel({ latencyMs = 0, onKill = () => {} }: ModelOptions = {}): Model {
  let waiting = 0;
  let mostWaiting = 0;
  const askedAt = new Map<string, number>();
  let mended = false;
  let away = false;
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  const ending = Promise.withResolvers<void>();

  async function answer(request: Request): Promise<Response> {
    if (away) {
      return Response.json({ error: { message: "overloaded" } }, {
        status: 503,
        headers: { "retry-after": "1" },
      });
    }
    const { messages } = await request.json() as { messages: { role: string; content: string }[] };
    const question = messages.find(({ role }) => role === "user")!.content;
    const { thought } = JSON.parse(question) as { thought: string };
    if (!askedAt.has(thought)) askedAt.set(thought, performance.now());
    const asked = (trigger: string) => !mended && thought.includes(trigger);
    // A status that blames the thought: after a 5xx it would wait, uncharged, with all others.
    if (asked(TRIGGERS.error)) return Response.json({ error: { message: "broken" } }, { status: 422 });
    if (asked(TRIGGERS.kill)) {
      onKill();
      await ending.promise;
    }
    if (asked(TRIGGERS.hang)) await ending.promise;
    await gate.promise;
    if (latencyMs > 0) await new Promise((resolve) => setTimeout(resolve, latencyMs));
    return Response.json(completion(asked(TRIGGERS.invalid) ? { mood: "odd" } : resultOf(thought)));
  }

  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    async (request) => {
      mostWaiting = Math.max(mostWaiting, ++waiting);
      try {
        return await answer(request);
      } finally {
        waiting--;
      }
    },
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}/v1`,
    get waiting() {
      return waiting;
    },
    get mostWaiting() {
      return mostWaiting;
    },
    askedAt: (thought) => askedAt.get(thought),
    holdBack: () => void (gate = Promise.withResolvers()),
    release: () => gate.resolve(),
    goAway: () => void (away = true),
    comeBack: () => void (away = false),
    mend: () => void (mended = true),
    async [Symbol.asyncDispose]() {
      gate.resolve();
      ending.resolve();
      await server.shutdown();
    },
  };
}

function completion(result: unknown) {
  return {
    id: "1",
    object: "chat.completion",
    created: 0,
    model: "test",
    choices: [{
      index: 0,
      finish_reason: "stop",
      message: { role: "assistant", content: JSON.stringify(result) },
    }],
    usage: { prompt_tokens: 100, completion_tokens: 50, total_tokens: 150 },
  };
}

function resultOf(thought: string) {
  return {
    classification: { type: "idea", urgency: "low", tone: "neutral" },
    analysis: { summary: thought.slice(0, 200), keywords: ["test"] },
    value: { growth: 0.5 },
    actions: ["Write it down"],
    priority: { level: "low", score: 10, reason: "A test" },
  };
}
