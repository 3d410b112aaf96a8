/** One thought followed from the POST to its row, its trace and its log lines, each step with a deadline. */
import { setTimeout as sleep } from "node:timers/promises";
import { OBJECTIVES } from "../core/telemetry/thresholds.ts";
import { CANARY_USER } from "../core/thought.ts";

/**
 * Base URLs of what the canary checks; undefined ones are skipped. Nor is a trace in a Tempo that cannot be
 * reached, or a line in a Loki that cannot be, or that had no line of the two services for an hour: they are
 * left out here, or down, which has an alert of its own.
 */
export interface Targets {
  readonly api: string;
  /** Any worker: it reports whether the model and the cache are up. */
  readonly worker?: string | undefined;
  readonly tempo?: string | undefined;
  readonly loki?: string | undefined;
}

export const STEPS = ["accepted", "completed", "traced", "logged"] as const;
export type Step = (typeof STEPS)[number];

/**
 * How a run ended. `model_away`: the thought was accepted and waits for a model that the workers know to be
 * unavailable; that has alerts of its own. `skipped`: nothing was posted, since without the cache it would
 * have cost an extra analysis.
 */
export type Outcome = "ok" | "failed" | "model_away" | "skipped";

export interface Run {
  readonly outcome: Outcome;
  /** Seconds of each step that was finished. */
  readonly seconds: Readonly<Partial<Record<Step, number>>>;
  /** Why it failed. */
  readonly why?: string;
}

export interface WatchOptions extends Targets {
  /** Reads the API's key, before each run: it may have been replaced. @default none */
  readonly key?: (() => string) | undefined;
  /** If analyses cost money: how often one is requested at most, in milliseconds. */
  readonly paidEveryMs?: number | undefined;
  /** The end of each step, in milliseconds. @default 5_000, as the objective `completion`, 20_000, 20_000 */
  readonly deadlinesMs?: Partial<Record<Step, number>>;
  readonly signal: AbortSignal;
  /** @default Date.now */
  readonly now?: () => number;
}

const DEADLINES_MS: Record<Step, number> = {
  accepted: 5_000,
  // Sooner would be a fault where the objective sees none.
  completed: OBJECTIVES.completion.withinSeconds * 1_000,
  traced: 20_000,
  logged: 20_000,
};
const POLL_MS = 250;
const REQUEST_MS = 5_000;
const BOTH = ["thoughtprocessor-api", "kafka-worker"];
/** Their streams in Loki. */
const SERVICES = `{service=~"${BOTH.join("|")}"}`;
const HOUR_MS = 3_600_000;

/** Makes the canary's run, which throws only for its signal. */
export function createWatch(options: WatchOptions): () => Promise<Run> {
  const { api, worker, tempo, loki, key, paidEveryMs, signal, now = Date.now } = options;
  const deadlines = { ...DEADLINES_MS, ...options.deadlinesMs };
  let headers: Readonly<Record<string, string>> = {};
  let paidAt = -Infinity;

  return async () => {
    const seconds: Partial<Record<Step, number>> = {};
    const traceId = hex(16);
    const startedAt = now();
    let id: string | undefined;
    async function step(name: Step, ask: () => Promise<true | string>): Promise<void> {
      const from = performance.now();
      await until(name, deadlines[name], signal, ask);
      seconds[name] = (performance.now() - from) / 1_000;
    }
    try {
      if (paidEveryMs !== undefined && await (isCacheAway()) && now() - paidAt < paidEveryMs) {
        return { outcome: "skipped", seconds };
      }
      paidAt = now();
      if (key) headers = { authorization: `Bearer ${key()}` };
      const from = performance.now();
      id = await post(traceId);
      seconds.accepted = (performance.now() - from) / 1_000;
      try {
        await step("completed", () => isCompleted(id!));
      } catch (error) {
        if (await isModelAway()) return { outcome: "model_away", seconds };
        throw error;
      }
      await Promise.all([
        tempo && await isThere(`${tempo}/ready`) && step("traced", () => isTraced(traceId)),
        loki && await getsLines() && step("logged", () => isLogged(traceId, startedAt)),
      ]);
      return { outcome: "ok", seconds };
    } catch (error) {
      signal.throwIfAborted();
      return { outcome: "failed", seconds, why: error instanceof Error ? error.message : String(error) };
    } finally {
      if (id !== undefined) await forget(id);
    }
  };

  async function post(traceId: string): Promise<string> {
    const response = await get(`${api}/thoughts`, deadlines.accepted, {
      method: "POST",
      headers: {
        ...headers,
        "content-type": "application/json",
        traceparent: `00-${traceId}-${hex(8)}-01`,
      },
      body: JSON.stringify({ user_id: CANARY_USER, text: text() }),
    });
    if (response.status !== 201) throw new Error(`the API answered ${response.status} to a thought`);
    return (await response.json()).id;
  }

  /** The same text until its analysis may be paid for again: meanwhile it comes from the cache. */
  function text(): string {
    const turn = paidEveryMs === undefined ? "" : ` ${Math.floor(now() / paidEveryMs)}`;
    return `Show that a thought comes through every part${turn}`;
  }

  async function isCompleted(id: string): Promise<true | string> {
    const response = await get(`${api}/thoughts/${id}`, REQUEST_MS, { headers });
    const { status, error } = await response.json();
    if (status === "failed") throw new Error(`the thought failed: ${error}`);
    return status === "completed" || `the thought is ${status ?? response.status}`;
  }

  async function isTraced(traceId: string): Promise<true | string> {
    const response = await get(`${tempo}/api/v2/traces/${traceId}`, REQUEST_MS, {
      headers: { accept: "application/json" },
    });
    const found = await response.text();
    return missing((name) => found.includes(`"${name}"`), "spans");
  }

  function isThere(url: string): Promise<boolean> {
    return get(url, REQUEST_MS).then(async ({ body }) => {
      await body?.cancel();
      return true;
    }, () => false);
  }

  async function getsLines(): Promise<boolean> {
    const query = new URLSearchParams({ query: SERVICES, start: `${now() - HOUR_MS}000000`, limit: "1" });
    const response = await get(`${loki}/loki/api/v1/query_range?${query}`, REQUEST_MS).catch(() => undefined);
    return ((await response?.json().catch(() => undefined))?.data?.result ?? []).length > 0;
  }

  async function isLogged(traceId: string, sinceMs: number): Promise<true | string> {
    const query = new URLSearchParams({
      query: `${SERVICES} |= "${traceId}"`,
      start: `${sinceMs - 1_000}000000`,
    });
    const response = await get(`${loki}/loki/api/v1/query_range?${query}`, REQUEST_MS);
    const { data } = await response.json();
    const streams: { stream: { service?: string } }[] = data?.result ?? [];
    return missing((name) => streams.some(({ stream }) => stream.service === name), "lines");
  }

  async function workerHealth(): Promise<
    { model?: { status?: string }; dependencies?: { cache?: { status?: string } } }
  > {
    if (worker === undefined) return {};
    return await get(`${worker}/health/ready`, REQUEST_MS).then((response) => response.json()).catch(
      () => ({}),
    );
  }

  async function isModelAway(): Promise<boolean> {
    return (await workerHealth()).model?.status === "degraded";
  }

  async function isCacheAway(): Promise<boolean> {
    return (await workerHealth()).dependencies?.cache?.status === "down";
  }

  /** A thought that stays has the reserved user, and counts nowhere. */
  async function forget(id: string): Promise<void> {
    const unhurried = AbortSignal.timeout(REQUEST_MS);
    const response = await fetch(`${api}/thoughts/${id}`, { method: "DELETE", headers, signal: unhurried })
      .catch(() => undefined);
    await response?.body?.cancel();
  }

  function get(url: string, timeoutMs: number, init: RequestInit = {}): Promise<Response> {
    return fetch(url, { ...init, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) });
  }
}

function missing(has: (name: string) => boolean, what: string): true | string {
  const absent = BOTH.filter((name) => !has(name));
  return absent.length === 0 || `no ${what} of ${absent.join(" and ")}`;
}

/**
 * Polls until it is true.
 * @throws {Error} with the last reason when the time is up, and what `ask` throws
 * while it is fatal
 */
async function until(
  step: Step,
  deadlineMs: number,
  signal: AbortSignal,
  ask: () => Promise<true | string>,
): Promise<void> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await ask();
    if (found === true) return;
    if (performance.now() > end) throw new Error(`not ${step} within ${deadlineMs / 1_000} s: ${found}`);
    await sleep(POLL_MS, undefined, { signal });
  }
}

function hex(bytes: number): string {
  return crypto.getRandomValues(new Uint8Array(bytes)).toHex();
}
