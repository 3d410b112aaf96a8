/** The server-sent events of one thought: pending, processing, then completed or failed. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Progress, Store } from "../core/store/thoughts.ts";
import { isFinal, type Status, STATUSES } from "../core/thought.ts";
import { timelineToJson } from "../core/thought_json.ts";
import type { Env } from "./observe.ts";
import type { Routes } from "./routes.ts";
import { ThoughtId } from "./schemas.ts";
import { idOf, reachable } from "./thoughts.ts";
import type { Watch } from "./watch.ts";

/** One event, as clients see it after parsing the stream. */
const Event = z.strictObject({
  id: z.enum(STATUSES),
  event: z.enum(STATUSES),
  data: z.string().describe("JSON: `{id, status, attempts, error, trace_id, timeline}`"),
}).openapi("ProgressEvent");

export interface EventsOptions {
  readonly store: Pick<Store, "progress">;
  readonly watch: Watch;
  /** The caller that the limit of streams counts. */
  readonly callerOf: (c: Context<Env>) => string;
  /** A stream ends after this; browsers reconnect by themselves. @default 300_000 */
  readonly deadlineMs?: number;
  /** A comment is sent this often: proxies keep the connection, and a dead one is noticed. @default 15_000 */
  readonly keepAliveMs?: number;
}

/** How long a browser waits before it reconnects, in milliseconds. */
const RETRY_MS = 2_000;
/**
 * Buffered bytes of an unread stream; its few events are smaller, so only keep-alives of a dead one reach
 * this.
 */
const MAX_UNREAD_BYTES = 16 * 1_024;
const STREAM_HEADERS = {
  "content-type": "text/event-stream",
  "cache-control": "no-store",
  "x-accel-buffering": "no", // nginx would buffer events
};
const encoder = new TextEncoder();

export function addEvents(routes: Routes, options: EventsOptions): void {
  const { store, callerOf } = options;
  routes.add(
    {
      method: "get",
      path: "/thoughts/{id}/events",
      tags: ["Thoughts"],
      scope: "read",
      operationId: "followThought",
      summary: "Follow a thought by server-sent events",
      description:
        "One event per state, named `pending`, `processing`, `completed` or `failed`, each once and in " +
        "this order, with `{id, status, attempts, error, trace_id, timeline}` as data. The stream ends after the last. A browser that " +
        "reconnects with `Last-Event-ID` gets what is new; 204 tells it that nothing more will come.",
      request: { params: z.strictObject({ id: ThoughtId }) },
      responses: {
        200: { description: "The events", content: { "text/event-stream": { schema: Event } } },
        204: { description: "The last event was seen already" },
      },
    },
    ["invalid-request", "thought-not-found", "too-many-watchers", "too-many-own-streams"],
    async (c) => {
      const progress = reachable(c, (await store.progress([idOf(c)]))[0]);
      const seen = STATUSES.find((status) => status === c.req.header("last-event-id"));
      // Only if it is still there: a redrive continues a thought after its last event.
      if (seen !== undefined && isFinal(seen) && seen === progress.status) return c.body(null, 204);
      if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS);
      const after = seen !== undefined && isFinal(seen) ? undefined : seen;
      const grant = c.get("grant");
      const { body, closed } = stream(
        { progress, after, caller: callerOf(c), revoked: grant?.revoked },
        options,
      );
      c.set("streaming", closed);
      return c.body(body, 200, STREAM_HEADERS);
    },
  );
}

interface Opened {
  readonly progress: Progress;
  /** The last state that the client has seen. */
  readonly after: Status | undefined;
  readonly caller: string;
  readonly revoked: AbortSignal | undefined;
}

/** @returns the events as a stream, and a promise of its end, whichever side ends it */
function stream({ progress, after, caller, revoked }: Opened, options: EventsOptions) {
  const { watch, deadlineMs = 300_000, keepAliveMs = 15_000 } = options;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const releases: (() => void)[] = [resolve];
  let released = false;

  function release() {
    released = true;
    for (const undo of releases) undo();
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string) => controller.enqueue(encoder.encode(text));
      const end = () => {
        if (released) return;
        release();
        controller.close();
      };
      write(`retry: ${RETRY_MS}\n\n`);
      const reached = (status: Status, now: Progress) => write(event(status, now));
      const unfollow = watch.follow(progress, { caller, reached, ended: end }, after);
      if (released) return unfollow();
      const deadline = setTimeout(end, deadlineMs);
      const keepAlive = setInterval(
        () => (controller.desiredSize ?? 0) > 0 ? write(":\n\n") : end(),
        keepAliveMs,
      );
      revoked?.addEventListener("abort", end);
      if (revoked?.aborted) end();
      releases.push(
        unfollow,
        () => clearTimeout(deadline),
        () => clearInterval(keepAlive),
        () => revoked?.removeEventListener("abort", end),
      );
    },
    cancel: release,
  }, { highWaterMark: MAX_UNREAD_BYTES, size: (chunk) => chunk?.byteLength ?? 0 });
  return { body, closed };
}

function event(status: Status, { id, attempts, error, traceId, timeline }: Progress): string {
  const data = JSON.stringify({
    id,
    status,
    attempts,
    error: status === "failed" ? error : null,
    trace_id: traceId,
    timeline: timelineToJson(timeline),
  });
  return `id: ${status}\nevent: ${status}\ndata: ${data}\n\n`;
}
