/** Server-sent events: of one thought, pending, processing, then completed or failed; and of all thoughts of a user. */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Progress, Store } from "../core/store/thoughts.ts";
import { isFinal, isThoughtId, type Status, STATUSES } from "../core/thought.ts";
import { timelineToJson } from "../core/thought_json.ts";
import { reaches } from "./access.ts";
import type { Feeds } from "./feeds.ts";
import type { Env } from "./observe.ts";
import { Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";
import { FollowQuery, named, parse, ThoughtId } from "./schemas.ts";
import { idOf, queryOf, reachable } from "./thoughts.ts";
import type { Watch } from "./watch.ts";

/** One event, as clients see it after parsing the stream. */
const Event = z.strictObject({
  id: z.enum(STATUSES),
  event: z.enum(STATUSES),
  data: z.string().describe("JSON: `{id, status, attempts, error, trace_id, timeline}`"),
}).openapi("ProgressEvent");

/** One event of a user's stream. */
const FeedEvent = z.strictObject({
  id: ThoughtId.describe("Where to begin after a reconnect"),
  event: Event.shape.event,
  data: Event.shape.data,
}).openapi("UserEvent");

export interface EventsOptions {
  readonly store: Pick<Store, "progress">;
  readonly watch: Watch;
  readonly feeds: Feeds;
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
/** Buffered bytes of a user's unread stream: it ends then, and its client reconnects from where it was. */
const MAX_UNREAD_FEED_BYTES = 1_024 * 1_024;
const encoder = new TextEncoder();

export function addEvents(routes: Routes, options: EventsOptions): void {
  const { store, watch, feeds, callerOf } = options;
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
      const caller = callerOf(c);
      const { body, closed } = stream(options, MAX_UNREAD_BYTES, grant?.revoked, (write, end) => {
        const reached = (status: Status, now: Progress) => write(event(status, status, now));
        return watch.follow(progress, { caller, reached, ended: end }, after);
      });
      c.set("streaming", closed);
      return c.body(body, 200, STREAM_HEADERS);
    },
  );

  routes.add(
    {
      method: "get",
      path: "/events",
      tags: ["Thoughts"],
      scope: "read",
      operationId: "followUser",
      summary: "Follow all thoughts of a user by server-sent events",
      description:
        "One event for each change of state, named and filled as a thought's own; states that last less than a second " +
        "may be left out. It begins with the thoughts of the last ten seconds; a browser that reconnects with " +
        "`Last-Event-ID` gets the present state of those posted since. Of more than 5,000 unfinished thoughts the " +
        "oldest are left out.",
      request: { query: FollowQuery },
      responses: {
        200: { description: "The events", content: { "text/event-stream": { schema: FeedEvent } } },
      },
    },
    ["invalid-request", "thought-not-found", "too-many-watchers", "too-many-own-streams"],
    (c) => {
      const grant = c.get("grant");
      const userId = named(parse(FollowQuery, queryOf(c), "query.")).userId ?? grant?.user ?? undefined;
      if (userId === undefined) {
        throw new Problem("invalid-request", {
          errors: [{ field: "query.user_id", message: "must be given" }],
        });
      }
      if (!reaches(grant, userId)) throw new Problem("thought-not-found");
      if (c.req.method === "HEAD") return c.body(null, 200, STREAM_HEADERS);
      const seen = c.req.header("last-event-id");
      const after = seen !== undefined && isThoughtId(seen) ? seen : undefined;
      const leave = watch.admit(callerOf(c));
      const { body, closed } = stream(options, MAX_UNREAD_FEED_BYTES, grant?.revoked, (write, end) => {
        const reached = (now: Progress, newest: string) => write(event(newest, now.status, now));
        try {
          return feeds.follow(userId, { reached, ended: end }, after);
        } catch (error) {
          leave();
          throw error;
        }
      });
      closed.then(leave);
      c.set("streaming", closed);
      return c.body(body, 200, STREAM_HEADERS);
    },
  );
}

/** @returns the events as a stream, and a promise of its end, whichever side ends it */
function stream(
  { deadlineMs = 300_000, keepAliveMs = 15_000 }: EventsOptions,
  maxUnreadBytes: number,
  revoked: AbortSignal | undefined,
  follow: (write: (text: string) => void, end: () => void) => () => void,
) {
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  const releases: (() => void)[] = [resolve];
  let released = false;

  function release() {
    released = true;
    for (const undo of releases) undo();
  }

  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const write = (text: string) => {
        if (released) return;
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(text));
        else end();
      };
      const end = () => {
        if (released) return;
        release();
        controller.close();
      };
      write(`retry: ${RETRY_MS}\n\n`);
      const unfollow = follow(write, end);
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
  }, { highWaterMark: maxUnreadBytes, size: (chunk) => chunk?.byteLength ?? 0 });
  return { body, closed };
}

function event(
  eventId: string,
  status: Status,
  { id, attempts, error, traceId, timeline }: Progress,
): string {
  const data = JSON.stringify({
    id,
    status,
    attempts,
    error: status === "failed" ? error : null,
    trace_id: traceId,
    timeline: timelineToJson(timeline),
  });
  return `id: ${eventId}\nevent: ${status}\ndata: ${data}\n\n`;
}
