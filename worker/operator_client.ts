/** An operator's actions over HTTP: how `deno task operate` reaches a process that keeps its database to itself. */
import { within } from "../core/deadline.ts";
import type { FailureCount, Operator, Outcome } from "../core/store/operator.ts";
import type { Pause } from "../core/store/pauses.ts";
import type { Status } from "../core/thought.ts";
import { fromJson } from "../core/thought_json.ts";

export interface OperatorClientOptions {
  /** Address of the API, as `http://127.0.0.1:8000`. */
  readonly url: string;
  /** An API key of the scope `operate`, where the API asks for keys. */
  readonly key?: string | undefined;
}

const TIMEOUT_MS = 10_000;

/** Whether an API responds at this address. */
export async function answers(url: string): Promise<boolean> {
  try {
    const response = await within(1_000, url, fetch(`${url}/health/live`));
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Every method throws an `Error` with what the API says when it refuses. */
export function createOperatorClient({ url, key }: OperatorClientOptions): Operator {
  async function call(method: string, path: string, body?: unknown): Promise<Response> {
    const response = await fetch(`${url}${path}`, {
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: "error",
      headers: {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    if (response.ok || response.status === 404 || response.status === 409) return response;
    const { title, detail, errors = [] } = await response.json().catch(() => ({}));
    const fields = errors.map(({ field, message }: Record<string, string>) => `${field} ${message}`);
    throw new Error(
      `The API at ${url} returned ${response.status}: ${
        [detail ?? title, ...fields].filter(Boolean).join("; ")
      }`,
    );
  }

  async function settle(id: string, verb: "redrive" | "cancel"): Promise<Outcome> {
    const response = await call("POST", `/thoughts/${id}/${verb}`);
    const { status, detail } = await response.json();
    if (response.status === 404) return { outcome: "unknown", status: null };
    if (response.status === 409) {
      return { outcome: "conflict", status: String(detail).split(" ").at(-1) as Status };
    }
    return { outcome: "done", status };
  }

  return {
    async failures() {
      const { reasons } = await (await call("GET", "/failures")).json();
      return reasons.map((found: Record<string, string | number>): FailureCount => ({
        reason: String(found.reason),
        thoughts: Number(found.thoughts),
        newestError: found.newest_error === null ? null : String(found.newest_error),
        newestAt: Date.parse(String(found.newest_at)),
      }));
    },
    async redriveAll(which) {
      return (await (await call("POST", "/failures/redrive", which)).json()).thoughts;
    },
    redrive: (id) => settle(id, "redrive"),
    cancel: (id) => settle(id, "cancel"),
    async forget(userId) {
      const response = await call("DELETE", `/thoughts?user_id=${encodeURIComponent(userId)}`);
      return (await response.json()).thoughts;
    },
    async *thoughtsOf(userId) {
      for (let cursor: string | null = "";;) {
        const page = cursor === "" ? "" : `&cursor=${cursor}`;
        const response = await call(
          "GET",
          `/thoughts?user_id=${encodeURIComponent(userId)}&limit=100${page}`,
        );
        const { thoughts, next_cursor } = await response.json();
        yield* thoughts.map(fromJson);
        if (next_cursor === null || next_cursor === undefined) return;
        cursor = next_cursor;
      }
    },
    async paused() {
      return toPause(await (await call("GET", "/pause")).json());
    },
    async pause(_author, reason) {
      return toPause(await (await call("PUT", "/pause", { reason }))!.json())!;
    },
    async resume() {
      const before = await this.paused();
      await call("DELETE", "/pause");
      return before;
    },
  };
}

function toPause(state: { paused: boolean; author: string; reason: string; since: string }): Pause | null {
  return state.paused ? { author: state.author, reason: state.reason, since: Date.parse(state.since) } : null;
}
