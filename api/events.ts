/** The server-sent events of one thought: pending, processing, then completed or failed. */
import { z } from "@hono/zod-openapi";
import type { Progress, Store } from "../core/store/thoughts.ts";
import { isFinal, type Status, STATUSES } from "../core/thought.ts";
import { Problem } from "./problem.ts";
import { KEYED, type Routes } from "./routes.ts";
import { ThoughtId } from "./schemas.ts";
import { idOf } from "./thoughts.ts";
import type { Watch } from "./watch.ts";

/** One event, as clients see it after parsing the stream. */
const Event = z.strictObject({
  id: z.enum(STATUSES),
  event: z.enum(STATUSES),
  data: z.string().describe("JSON: `{id, status, attempts, error}`"),
}).openapi("ProgressEvent");

export interface EventsOptions {
  readonly store: Pick<Store, "progress">;
  readonly watch: Watch;
  /** A stream ends after this; browsers come back by themselves. @default 300_000 */
  readonly deadlineMs?: number;
  /** A comment goes out this often: proxies keep the connection, and a dead one is noticed. @default 15_000 */
  readonly keepAliveMs?: number;
}

/** How long a browser waits before it comes back, in milliseconds. */
const RETRY_MS = 2_000;
/** Bytes of a stream nobody reads; more than its few events can be, so only keep-alives of a dead one get there. */
const MAX_UNREAD_BYTES = 16 * 1024;
const encoder = new TextEncoder();

export function addEvents(routes: Routes, options: EventsOptions): void {
  const { store } = options;
  routes.add(
    {
      method: "get",
      path: "/thoughts/{id}/events",
      tags: ["Thoughts"],
      security: KEYED,
      summary: "Follow a thought by server-sent events",
      description:
        "One event per state, named `pending`, `processing`, `completed` or `failed`, each once and in " +
        "this order, with `{id, status, attempts, error}` as data. The stream ends after the last. A browser that " +
        "comes back with `Last-Event-ID` gets what is new; 204 tells it that nothing will be.",
      request: { params: z.strictObject({ id: ThoughtId }) },
      responses: {
        200: { description: "The events", content: { "text/event-stream": { schema: Event } } },
        204: { description: "The last event was seen already" },
      },
    },
    ["invalid-request", "thought-not-found", "too-many-watchers"],
    async (c) => {
      const [progress] = await store.progress([idOf(c)]);
      if (progress === undefined) throw new Problem("thought-not-found");
      const seen = STATUSES.find((status) => status === c.req.header("last-event-id"));
      if (seen !== undefined && isFinal(seen)) return c.body(null, 204);
      const { body, closed } = stream(progress, options, seen);
      c.set("streaming", closed);
      return c.body(body, 200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no", // nginx would hold events back
      });
    },
  );
}

/** @returns the events as a stream, and a promise of its end, whoever ends it */
function stream(progress: Progress, options: EventsOptions, seen: Status | undefined) {
  const { watch, deadlineMs = 300_000, keepAliveMs = 15_000 } = options;
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let ended = false;
  let unfollow = () => {};
  let deadline: ReturnType<typeof setTimeout> | undefined;
  let keepAlive: ReturnType<typeof setInterval> | undefined;

  function letGo() {
    ended = true;
    clearTimeout(deadline);
    clearInterval(keepAlive);
    unfollow();
    resolve();
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string) => controller.enqueue(encoder.encode(text));
      const end = () => {
        letGo();
        controller.close();
      };
      write(`retry: ${RETRY_MS}\n\n`);
      const reached = (status: Status, now: Progress) => write(event(status, now));
      unfollow = watch.follow(progress, { reached, ended: end }, seen);
      if (ended) return;
      deadline = setTimeout(end, deadlineMs);
      keepAlive = setInterval(() => (controller.desiredSize ?? 0) > 0 ? write(":\n\n") : end(), keepAliveMs);
    },
    cancel: letGo,
  }, { highWaterMark: MAX_UNREAD_BYTES, size: (chunk) => chunk?.byteLength ?? 0 });
  return { body, closed };
}

function event(status: Status, { id, attempts, error }: Progress): string {
  const data = JSON.stringify({ id, status, attempts, error: status === "failed" ? error : null });
  return `id: ${status}\nevent: ${status}\ndata: ${data}\n\n`;
}
