/**
 * A language model as slow and unreliable as real ones: an OpenAI-compatible endpoint whose every draw
 * follows from a seed.
 */
import { completion } from "../tests/support/fake_openai.ts";

export interface SimulatedModelOptions {
  readonly seed: number;
  /** Calls that should be in progress at once, over all workers. */
  readonly lanes: number;
}

export interface SimulatedModel extends AsyncDisposable {
  /** For `OPENAI_BASE_URL`. */
  readonly url: string;
  /** Reports an accepted thought before the model sees it. Its text is {@link textOf} its number. */
  accepted(thought: number): void;
  /** From now on every call is refused with 503, including those in progress. */
  goAway(): void;
  comeBack(): void;
  /** Thoughts that have been accepted and not answered. */
  readonly open: number;
  report(): ModelReport;
}

export interface ModelReport {
  /** Lane time used, of the lane time for which there was work, outside the outage: 0 to 1. */
  readonly lanesBusy: number;
  /** The most calls that were in progress at once. */
  readonly mostUnderWay: number;
  readonly calls: number;
  /** Calls answered with 500 or 503. */
  readonly errors: number;
  /** Thoughts answered with 200 more than once. */
  readonly paidTwice: number;
  /** From the endpoint's return to the first answer with 200, in seconds. */
  readonly resumedAfterS: number;
  /** Time that the calls which these thoughts need take one after the other, errors included, in seconds. */
  readonly neededS: number;
  /** When a thought's first call arrived, by performance.now(). */
  begunAt(thought: number): number | undefined;
  /** When the last answer was sent, by performance.now(). */
  readonly endedAt: number;
}

/**
 * Of a lognormal distribution with a mean of 2 s and a 99th percentile of 10 s: μ + 2.326 σ = ln 10 and μ +
 * σ²/2 = ln 2.
 */
const SIGMA = 0.846;
const MU = Math.log(2) - SIGMA ** 2 / 2;
/** No call takes longer, so that none runs into the worker's own time-out of 60 s. */
const MOST_S = 40;
const ERRORS = 0.05;

const TEXT = /^Thought (\d+) /;

/** The text of a thought, which no cache has seen before. */
export const textOf = (thought: number, run: string): string => `Thought ${thought} of ${run}`;

export function startSimulatedModel({ seed, lanes }: SimulatedModelOptions): SimulatedModel {
  const tries = new Map<number, number>();
  const begunAt = new Map<number, number>();
  const paid = new Map<number, number>();
  const acceptedThoughts: number[] = [];
  let [open, underWay, mostUnderWay, calls, errors] = [0, 0, 0, 0, 0];
  let [usedMs, usableMs, endedAt, resumedAt, backAt] = [0, 0, 0, 0, 0];
  let away = Promise.withResolvers<void>();
  /** From the outage's begin until the first answer after it. */
  let outage: "none" | "away" | "returning" = "none";
  let measuredAt = performance.now();

  /** Adds the time since the last change; to be called before each change. */
  function measure(): void {
    const now = performance.now();
    if (outage === "none") {
      const usable = Math.min(lanes, open);
      usableMs += usable * (now - measuredAt);
      usedMs += Math.min(usable, underWay) * (now - measuredAt);
    }
    measuredAt = now;
  }

  async function answer(thought: number, signal: AbortSignal): Promise<Response> {
    if (outage === "away") return unavailable(503);
    const { seconds, fails } = drawCall(seed, thought, tries.get(thought) ?? 0);
    tries.set(thought, (tries.get(thought) ?? 0) + 1);
    const cut = await Promise.race([
      sleep(seconds * 1_000, signal).then(() => false),
      away.promise.then(() => true),
    ]);
    if (cut) {
      tries.set(thought, tries.get(thought)! - 1); // the draw is used by the call that is not cut
      return unavailable(503);
    }
    if (fails) return unavailable(500);
    paid.set(thought, (paid.get(thought) ?? 0) + 1);
    if (paid.get(thought) === 1) open--;
    endedAt = performance.now();
    if (outage === "returning") {
      outage = "none";
      resumedAt = measuredAt = endedAt;
    }
    return completion();
  }

  function unavailable(status: number): Response {
    errors++;
    return Response.json({ error: { message: "The server is overloaded" } }, { status });
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const { messages } = await request.json() as { messages: { role: string; content: string }[] };
    const { thought: text } = JSON.parse(messages.find(({ role }) => role === "user")!.content);
    const thought = Number(TEXT.exec(text)![1]);
    measure();
    calls++;
    mostUnderWay = Math.max(mostUnderWay, ++underWay);
    if (!begunAt.has(thought)) begunAt.set(thought, performance.now());
    try {
      return await answer(thought, request.signal);
    } finally {
      measure();
      underWay--;
    }
  });

  return {
    url: `http://127.0.0.1:${server.addr.port}/v1`,
    accepted(thought) {
      measure();
      acceptedThoughts.push(thought);
      open++;
    },
    goAway() {
      measure();
      outage = "away";
      away.resolve();
    },
    comeBack() {
      outage = "returning";
      backAt = performance.now();
      away = Promise.withResolvers();
    },
    get open() {
      return open;
    },
    report: () => ({
      lanesBusy: usedMs / usableMs,
      mostUnderWay,
      calls,
      errors,
      paidTwice: [...paid.values()].filter((times) => times > 1).length,
      resumedAfterS: (resumedAt - backAt) / 1_000,
      neededS: acceptedThoughts.reduce((sum, thought) => sum + neededS(seed, thought), 0),
      begunAt: (thought) => begunAt.get(thought),
      endedAt,
    }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** How long a thought's calls take until one succeeds. */
function neededS(seed: number, thought: number): number {
  for (let sum = 0, attempt = 0;; attempt++) {
    const { seconds, fails } = drawCall(seed, thought, attempt);
    sum += seconds;
    if (!fails) return sum;
  }
}

/**
 * The outcome of a call: the same for the same seed, thought and attempt, whichever worker makes it and when.
 */
function drawCall(seed: number, thought: number, attempt: number) {
  const [one, other, third] = [0, 1, 2].map((at) => uniform(`${seed} ${thought} ${attempt} ${at}`));
  const normal = Math.sqrt(-2 * Math.log(one!)) * Math.cos(2 * Math.PI * other!);
  return { seconds: Math.min(MOST_S, Math.exp(MU + SIGMA * normal)), fails: third! < ERRORS };
}

/**
 * A number above 0 and below 1: FNV-1a over the text, then the finaliser of MurmurHash3, which spreads near
 * texts.
 */
function uniform(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (((hash ^ (hash >>> 16)) >>> 0) + 0.5) / 2 ** 32;
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    }, { once: true });
  });
}
