/** The routes of thoughts: create, read, list, delete. */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { Retention } from "../core/store/retention.ts";
import type { Inserted, Insertion, Store } from "../core/store/thoughts.ts";
import { CANARY_USER, type Thought } from "../core/thought.ts";
import { type ThoughtJson as WholeThought, toJson } from "../core/thought_json.ts";
import { isSampled } from "../core/telemetry/traceparent.ts";
import { inject, SpanKind, withSpan } from "../core/telemetry/tracing.ts";
import { reaches } from "./access.ts";
import { type BodyLimits, readJson, refuseDuplicateKeys } from "./body.ts";
import type { Intake } from "./intake.ts";
import type { Env } from "./observe.ts";
import { newThought, POST_PROBLEMS } from "./new_thought.ts";
import { paced } from "./paced.ts";
import { Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";
import {
  Accepted,
  CreateThought,
  type Field,
  ForgetQuery,
  Forgotten,
  fromCursor,
  IdempotencyHeaders,
  IdempotencyKey,
  ListQuery,
  named,
  parse,
  ThoughtId,
  ThoughtJson,
  ThoughtPage,
  toCursor,
} from "./schemas.ts";

export interface ThoughtsOptions {
  readonly store: Store;
  readonly retention: Pick<Retention, "delete" | "forget">;
  readonly intake: Intake;
  readonly metrics: Metrics<"api">;
  readonly log: Logger;
  readonly body: BodyLimits;
}

const INSERT_SPAN = {
  kind: SpanKind.CLIENT,
  attributes: {
    "db.system.name": "postgresql",
    "db.operation.name": "INSERT",
    "db.collection.name": "thoughts",
  },
};

/** Fields that may take many bytes. */
const LARGE = ["text", "context", "result"] as const satisfies Field[];

/** A page ends before it grows beyond this, in bytes. */
const PAGE_BYTES = 512 * 1024;
const encoder = new TextEncoder();
const json = (schema: z.ZodType) => ({ "application/json": { schema } });
const byId = { params: z.strictObject({ id: ThoughtId }) };

export function addThoughts(routes: Routes, options: ThoughtsOptions): void {
  const { store, retention, intake, metrics, log, body } = options;

  routes.add(
    {
      method: "post",
      path: "/thoughts",
      tags: ["Thoughts"],
      scope: "write",
      operationId: "createThought",
      summary: "Post a thought",
      description:
        "It is stored before the response and analysed soon after. With an `Idempotency-Key`, posting the same " +
        "thought again stores nothing and returns what it returned the first time, with the status the thought has " +
        "by then and `Idempotent-Replayed: true`. A key belongs to its `user_id` and lives as long as its thought.",
      request: {
        headers: IdempotencyHeaders,
        body: { required: true, content: json(CreateThought) },
      },
      responses: {
        201: {
          description: "Stored",
          headers: {
            location: { description: "Where the thought is", schema: { type: "string" } },
            "idempotent-replayed": {
              description: "`true` when it was stored before",
              schema: { type: "string" },
            },
          },
          content: json(Accepted),
        },
      },
    },
    POST_PROBLEMS,
    async (c) => {
      const key = c.req.header("idempotency-key");
      const idempotencyKey = key === undefined ? null : parse(IdempotencyKey, key, "header.idempotency-key");
      const { text: raw, json } = await readJson(c.req.raw, body);
      const traceparent = inject();
      const posted = newThought(json, c.get("grant"), traceparent);
      refuseDuplicateKeys(raw);
      const thought = idempotencyKey === null
        ? posted
        : { ...posted, idempotencyKey, requestHash: hash(posted) };
      // A span that is not recorded would still cost time.
      const inserted = isSampled(traceparent)
        ? await withSpan("INSERT thoughts", INSERT_SPAN, () => intake.add(thought))
        : await intake.add(thought);
      if (inserted.outcome === "stored") {
        if (thought.userId !== CANARY_USER) metrics.thoughts_accepted_total.inc();
        if (isSampled(traceparent)) log.info("thought accepted", { thought_id: inserted.id });
      }
      return created(c, inserted);
    },
  );

  routes.add(
    {
      method: "get",
      path: "/thoughts/{id}",
      tags: ["Thoughts"],
      scope: "read",
      operationId: "getThought",
      summary: "Read a thought",
      description: "With its result, once there is one, or the reason why its last attempt failed.",
      request: byId,
      responses: { 200: { description: "The thought", content: json(ThoughtJson) } },
    },
    ["invalid-request", "thought-not-found", "unavailable"],
    async (c) => {
      const thought = await store.get(idOf(c));
      return c.json(toJson(reachable(c, thought)));
    },
  );

  routes.add(
    {
      method: "get",
      path: "/thoughts",
      tags: ["Thoughts"],
      scope: "read",
      operationId: "listThoughts",
      summary: "List and search thoughts, the newest first",
      description:
        "Page by page, until `next_cursor` is null. A page may hold fewer thoughts than `limit`, even none: one that " +
        "would have to scan many thoughts that do not match ends early, as does one of long thoughts. A search (`q`) " +
        "reads texts: give it a `user_id` or a time.",
      request: { query: ListQuery },
      responses: {
        200: {
          description: "A page of thoughts",
          headers: { link: { description: 'The next page, as `rel="next"`', schema: { type: "string" } } },
          content: json(ThoughtPage),
        },
      },
    },
    ["invalid-request", "thought-not-found", "unavailable"],
    async (c) => {
      const { status, limit, order, cursor, created_after, created_before, q, fields, ...asked } = named(
        parse(ListQuery, queryOf(c), "query."),
      );
      const userId = asked.userId ?? c.get("grant")?.user ?? undefined;
      if (userId !== undefined && !reaches(c.get("grant"), userId)) throw new Problem("thought-not-found");
      const { thoughts, next } = await store.list({
        limit,
        order,
        slim: fields !== undefined && !LARGE.some((field) => fields.includes(field)),
        ...(userId === undefined ? {} : { userId }),
        ...(status === undefined ? {} : { status }),
        ...(created_after === undefined ? {} : { createdFrom: created_after + 1 }),
        ...(created_before === undefined ? {} : { createdTo: created_before - 1 }),
        ...(q === undefined ? {} : { search: q }),
        ...(cursor === undefined ? {} : { beyond: fromCursor(cursor) }),
      });
      const { body, next_cursor } = page(thoughts, next, fields);
      if (next_cursor !== null) c.header("link", `<${nextPage(c, next_cursor)}>; rel="next"`);
      return c.body(paced(body), 200, { "content-type": "application/json" });
    },
  );

  routes.add(
    {
      method: "delete",
      path: "/thoughts/{id}",
      tags: ["Thoughts"],
      scope: "delete",
      operationId: "deleteThought",
      summary: "Delete a thought",
      description:
        "Whatever its state. An analysis in progress is discarded; a copy of it in the cache stays " +
        "there under a hash of the text until it expires.",
      request: byId,
      responses: { 204: { description: "Deleted" } },
    },
    ["invalid-request", "thought-not-found", "unavailable"],
    async (c) => {
      const id = idOf(c);
      reachable(c, (await store.progress([id]))[0]);
      if (!await retention.delete(id)) throw new Problem("thought-not-found");
      log.info("thought deleted", { thought_id: id, key: c.get("grant")?.name });
      return c.body(null, 204);
    },
  );

  routes.add(
    {
      method: "delete",
      path: "/thoughts",
      operationId: "forgetUser",
      tags: ["Thoughts"],
      scope: "delete",
      summary: "Forget a user: delete every thought of theirs, whatever its state",
      description:
        "Their results leave the cache within seconds. Logs and traces contain nothing of them; Kafka keeps ids of thoughts " +
        "until its retention ends; backups are your responsibility.",
      request: { query: ForgetQuery },
      responses: { 200: { description: "How many were deleted", content: json(Forgotten) } },
    },
    ["invalid-request", "thought-not-found", "unavailable"],
    async (c) => {
      const { userId } = named(parse(ForgetQuery, queryOf(c), "query."));
      if (!reaches(c.get("grant"), userId)) throw new Problem("thought-not-found");
      const thoughts = await retention.forget(userId);
      metrics.thoughts_forgotten_total.inc(thoughts);
      log.info("user forgotten", { thoughts, key: c.get("grant")?.name });
      return c.json({ thoughts });
    },
  );
}

/** The id in a request's path. */
export function idOf(c: Context<Env>): string {
  return parse(ThoughtId, c.req.param("id"), "path.id").toLowerCase();
}

/**
 * @throws {Problem} `thought-not-found`, also for another user's thought: a caller cannot tell the two apart
 */
export function reachable<T extends { readonly userId: string }>(
  c: Context<Env>,
  thought: T | null | undefined,
): T {
  if (!thought || !reaches(c.get("grant"), thought.userId)) throw new Problem("thought-not-found");
  return thought;
}

/**
 * A page as JSON, cut short before it grows beyond {@link PAGE_BYTES}; a single thought always fits.
 *
 * @param next the id beyond which the next page begins, unless the page is cut
 * @param fields those of each thought, beside its id @default all
 */
function page(thoughts: readonly Thought[], next: string | null, fields?: readonly Field[]) {
  const items: string[] = [];
  let bytes = 0;
  for (const thought of thoughts) {
    const item = JSON.stringify(only(toJson(thought), fields));
    bytes += Buffer.byteLength(item);
    if (items.length > 0 && bytes > PAGE_BYTES) break;
    items.push(item);
  }
  const last = items.length < thoughts.length ? thoughts[items.length - 1]!.id : next;
  const next_cursor = last === null ? null : toCursor(last);
  const text = `{"thoughts":[${items.join(",")}],"next_cursor":${JSON.stringify(next_cursor)}}`;
  return { body: encoder.encode(text), next_cursor };
}

/** A thought with these fields alone, and its id. */
function only(thought: WholeThought, fields: readonly Field[] | undefined): Partial<WholeThought> {
  if (fields === undefined) return thought;
  return Object.fromEntries(
    Object.entries(thought).filter(([name]) => name === "id" || fields.includes(name as Field)),
  );
}

/** The address of the next page: this one's, with its cursor. */
function nextPage(c: Context<Env>, cursor: string): string {
  const query = new URL(c.req.url).searchParams;
  query.set("cursor", cursor);
  return `${c.get("prefix") ?? ""}/thoughts?${query}`;
}

function created(c: Context<Env>, inserted: Inserted): Response {
  switch (inserted.outcome) {
    case "stored":
      c.header("location", `${c.get("prefix") ?? ""}/thoughts/${inserted.id}`);
      return c.json({ id: inserted.id, status: "pending" }, 201);
    case "repeated":
      c.header("location", `${c.get("prefix") ?? ""}/thoughts/${inserted.id}`);
      c.header("idempotent-replayed", "true");
      return c.json({ id: inserted.id, status: inserted.status }, 201);
    case "conflict":
      throw new Problem("idempotency-key-reused", {
        errors: [{ field: "header.idempotency-key", message: "belongs to another thought of this user" }],
      });
    case "unstorable":
      throw new Problem("unstorable");
  }
}

/**
 * Query parameters as an object; one given twice becomes an array, which no schema accepts.
 *
 * @throws {Problem} 400 for what is not percent-encoded UTF-8, which a lenient parser would accept unchanged
 */
export function queryOf(c: Context<Env>): Record<string, string | string[]> {
  const query = /\?([^#]*)/.exec(c.req.url)?.[1] ?? "";
  const given: Record<string, string[]> = {};
  for (const pair of query.split("&").filter(Boolean)) {
    const [name = "", ...value] = pair.split("=");
    (given[decode(name, name)] ??= []).push(decode(value.join("="), name));
  }
  return Object.fromEntries(
    Object.entries(given).map(([name, values]) => [name, values.length === 1 ? values[0]! : values]),
  );
}

function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw new Problem("invalid-request", {
      errors: [{ field: `query.${name.slice(0, 64)}`, message: "must be percent-encoded UTF-8" }],
    });
  }
}

/**
 * A request's hash under its key. Priority is part of it only if it is not the default, since older hashes
 * have none.
 */
function hash({ text, context, priority }: Insertion): string {
  const request = priority === "interactive" ? [text, context] : [text, context, priority];
  return createHash("sha256").update(JSON.stringify(request)).digest("base64url");
}
