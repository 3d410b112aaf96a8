/** Clients that post thoughts and do not give up: each continues until its thought has been accepted. */

export interface LoadOptions {
  /** Address of the API, read before each request: after a restart it is another. */
  readonly api: () => string;
  readonly thoughts: number;
  /** How fast they come; without it, as fast as they are accepted. */
  readonly perSecond?: number;
  /**
   * Clients at once; as many as thoughts keep the load coming, whatever the API does.
   * @default 16
   */
  readonly clients?: number;
  /** The text of the nth thought. @default a short one of its own */
  readonly text?: (n: number) => string;
  /** Who posts the nth thought. @default one of a hundred users */
  readonly user?: (n: number) => string;
  /** The API key, where the API asks for one. */
  readonly key?: string;
  /** Makes the nth thought's connection. @default the one that all of `fetch` share */
  readonly client?: (n: number) => Deno.HttpClient | undefined;
}

export interface Load {
  /** The ids answered with 201, so far. */
  readonly accepted: readonly string[];
  /** The longest time after `since` in which no thought was accepted, in seconds. */
  longestPauseS(since: number): number;
  /** Requests that were refused with 503 and a Retry-After. */
  readonly refused: number;
  /** Requests that got no response. */
  readonly unanswered: number;
  /** Resolves when every thought has been accepted. */
  readonly done: Promise<void>;
}

/** A request that gets no response in this time is repeated. */
const ANSWER_TIMEOUT_MS = 20_000;
/** Pause before a refused or lost request is repeated. */
const AGAIN_MS = 200;

/** Starts posting. A repeated request carries the same Idempotency-Key, so it can't be stored twice. */
export function startLoad(options: LoadOptions): Load {
  const {
    api,
    thoughts,
    perSecond,
    clients = 16,
    text = defaultText,
    user = defaultUser,
    key,
    client: clientOf,
  } = options;
  const accepted: string[] = [];
  const acceptedAt: number[] = [];
  const idempotencyKeys = crypto.randomUUID();
  const authorization: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  const startedAt = performance.now();
  let next = 0;
  let refused = 0;
  let unanswered = 0;

  async function post(n: number, text: string): Promise<string | undefined> {
    try {
      const client = clientOf?.(n);
      const response = await fetch(`${api()}/thoughts`, {
        ...(client === undefined ? {} : { client }),
        method: "POST",
        headers: {
          ...authorization,
          "content-type": "application/json",
          "idempotency-key": `${idempotencyKeys}-${n}`,
        },
        body: JSON.stringify({ user_id: user(n), text }),
        signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
      });
      const body = await response.text();
      if (response.status === 201) return (JSON.parse(body) as { id: string }).id;
      if (response.status === 503 && response.headers.has("retry-after")) refused++;
      else throw new Error(`POST /thoughts was answered ${response.status}: ${body}`);
    } catch (error) {
      if (!isNoAnswer(error)) throw error;
      unanswered++;
    }
    return undefined;
  }

  async function client() {
    for (let n = next++; n < thoughts; n = next++) {
      if (perSecond !== undefined) await reached(startedAt + n / perSecond * 1_000);
      const said = text(n); // once: a repeated request must be the same
      for (;;) {
        const id = await post(n, said);
        if (id !== undefined) {
          accepted.push(id);
          acceptedAt.push(Date.now());
          break;
        }
        await reached(performance.now() + AGAIN_MS);
      }
    }
  }

  const done = Promise.all(Array.from({ length: clients }, client)).then(() => {});
  done.catch(() => {}); // its awaiting caller handles it
  return {
    accepted,
    longestPauseS(since) {
      const times = [since, ...acceptedAt.filter((at) => at > since)];
      return Math.max(0, ...times.slice(1).map((at, n) => at - times[n]!)) / 1_000;
    },
    get refused() {
      return refused;
    },
    get unanswered() {
      return unanswered;
    },
    done,
  };
}

function defaultUser(n: number): string {
  return `user-${n % 100}`;
}

function defaultText(n: number): string {
  return `Thought ${n} of ${crypto.randomUUID()} about the garden`;
}

/** fetch says TypeError when the connection breaks, and TimeoutError when the signal ends it. */
function isNoAnswer(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
}

function reached(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, time - performance.now())));
}
