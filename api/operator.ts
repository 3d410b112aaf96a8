/**
 * The routes of operators: failures by reason, redrive, cancel, pause. They need an API key of the scope
 * `operate`.
 */
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Operator, Outcome } from "../core/store/operator.ts";
import type { Pause } from "../core/store/pauses.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { STATUSES } from "../core/thought.ts";
import { type BodyLimits, readJson } from "./body.ts";
import type { Env } from "./observe.ts";
import { Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";
import { parse, Text, ThoughtId } from "./schemas.ts";
import { idOf } from "./thoughts.ts";

export interface OperatorOptions {
  readonly operator: Operator;
  readonly log: Logger;
  readonly body: BodyLimits;
}

/** Thoughts that one request redrives, at most. */
const MOST_REDRIVEN = 10_000;

const Reason = Text(64);

const Failures = z.strictObject({
  reasons: z.array(z.strictObject({
    reason: Reason.describe("Why they failed, in a word"),
    thoughts: z.int(),
    newest_error: z.string().nullable().describe("What the newest of them says"),
    newest_at: z.iso.datetime().describe("When the newest of them failed"),
  })).describe("The most frequent first"),
}).openapi("Failures");

const RedriveThoughts = z.strictObject({
  reason: Reason.optional().describe("Only thoughts that failed for this reason; without it, all"),
  limit: z.int().min(1).max(MOST_REDRIVEN).default(1_000).describe("At most this many, the oldest first"),
}).openapi("RedriveThoughts");

const Redriven = z.strictObject({ thoughts: z.int().describe("How many were redriven") }).openapi("Redriven");

const ThoughtStatus = z.strictObject({ id: ThoughtId, status: z.enum(STATUSES) }).openapi("ThoughtStatus");

const PauseWorkers = z.strictObject({
  reason: Text(500).describe("Why, for others who find the workers paused"),
}).openapi("PauseWorkers");

const PauseState = z.strictObject({
  paused: z.boolean(),
  author: z.string().nullable(),
  reason: z.string().nullable(),
  since: z.iso.datetime().nullable(),
}).openapi("PauseState");

const json = (schema: z.ZodType) => ({ "application/json": { schema } });
const byId = { params: z.strictObject({ id: ThoughtId }) };
const BODY_PROBLEMS = [
  "invalid-request",
  "body-timeout",
  "body-too-large",
  "unsupported-media-type",
] as const;

export function addOperator(table: Pick<Routes, "add">, { operator, log, body }: OperatorOptions): void {
  const routes: Pick<Routes, "add"> = {
    add: (route, problems, handler) =>
      table.add(
        { ...route, tags: ["Operators"], scope: "operate" },
        [...problems, "unavailable"],
        (c, next) => {
          requireEverybodysKey(c);
          return handler(c, next);
        },
      ),
  };

  routes.add(
    {
      method: "get",
      path: "/failures",
      operationId: "listFailures",
      summary: "Count failed thoughts by reason",
      description: "`GET /thoughts?status=failed` lists them.",
      responses: { 200: { description: "The reasons", content: json(Failures) } },
    },
    [],
    async (c) => {
      const reasons = (await operator.failures()).map(({ reason, thoughts, newestError, newestAt }) => ({
        reason,
        thoughts,
        newest_error: newestError,
        newest_at: new Date(newestAt).toISOString(),
      }));
      return c.json({ reasons });
    },
  );

  routes.add(
    {
      method: "post",
      path: "/failures/redrive",
      operationId: "redriveFailures",
      summary: "Give failed thoughts a full set of new attempts",
      description: "All of them, or those of one reason, the oldest first.",
      request: { body: { required: true, content: json(RedriveThoughts) } },
      responses: { 200: { description: "How many were redriven", content: json(Redriven) } },
    },
    BODY_PROBLEMS,
    async (c) => {
      const { json } = await readJson(c.req.raw, body);
      const which = parse(RedriveThoughts, json);
      const thoughts = await operator.redriveAll(which);
      log.warn("failed thoughts redriven", { author: authorOf(c), reason: which.reason, thoughts });
      return c.json({ thoughts });
    },
  );

  routes.add(
    {
      method: "post",
      path: "/thoughts/{id}/redrive",
      operationId: "redriveThought",
      summary: "Give one failed thought a full set of new attempts",
      description: "A thought that waits or is being analysed already stays as it is.",
      request: byId,
      responses: { 200: { description: "It waits, or is being analysed", content: json(ThoughtStatus) } },
    },
    ["invalid-request", "thought-not-found", "wrong-status"],
    async (c) => {
      const id = idOf(c);
      return settled(c, id, "thought redriven", await operator.redrive(id));
    },
  );

  routes.add(
    {
      method: "post",
      path: "/thoughts/{id}/cancel",
      operationId: "cancelThought",
      summary: "End a thought that waits or is being analysed",
      description: "It fails with the reason `cancelled`. Cancelling it again changes nothing.",
      request: byId,
      responses: { 200: { description: "It has failed", content: json(ThoughtStatus) } },
    },
    ["invalid-request", "thought-not-found", "wrong-status"],
    async (c) => {
      const id = idOf(c);
      return settled(c, id, "thought cancelled", await operator.cancel(id, authorOf(c)));
    },
  );

  routes.add(
    {
      method: "get",
      path: "/pause",
      operationId: "getPause",
      summary: "Tell whether the workers are paused, since when and by whom",
      description: "A pause survives restarts, and lasts until an operator ends it.",
      responses: { 200: { description: "The pause", content: json(PauseState) } },
    },
    [],
    async (c) => c.json(toJson(await operator.paused())),
  );

  routes.add(
    {
      method: "put",
      path: "/pause",
      operationId: "pauseWorkers",
      summary: "Pause all workers",
      description:
        "Analyses in progress finish; no others begin until the pause is over, restarts included. Thoughts are " +
        "accepted and wait. Where the workers are paused already, that pause stays.",
      request: { body: { required: true, content: json(PauseWorkers) } },
      responses: { 200: { description: "The pause in force", content: json(PauseState) } },
    },
    BODY_PROBLEMS,
    async (c) => {
      const { json } = await readJson(c.req.raw, body);
      const { reason } = parse(PauseWorkers, json);
      const pause = await operator.pause(authorOf(c), reason);
      log.warn("workers paused", { author: pause.author, reason: pause.reason });
      return c.json(toJson(pause));
    },
  );

  routes.add(
    {
      method: "delete",
      path: "/pause",
      operationId: "resumeWorkers",
      summary: "End the pause",
      description: "If the workers are not paused, nothing changes.",
      responses: { 204: { description: "The workers are not paused" } },
    },
    [],
    async (c) => {
      const ended = await operator.resume();
      if (ended) log.warn("workers resumed", { author: authorOf(c), paused_by: ended.author });
      return c.body(null, 204);
    },
  );

  function settled(c: Context<Env>, id: string, done: string, { outcome, status }: Outcome): Response {
    if (outcome === "unknown") throw new Problem("thought-not-found");
    if (outcome === "conflict") throw new Problem("wrong-status", { detail: `The thought is ${status}` });
    if (outcome === "done") log.warn(done, { thought_id: id, author: authorOf(c) });
    return c.json({ id, status });
  }
}

/** @throws {Problem} `forbidden` for the key of one user: operators act on every user's thoughts */
function requireEverybodysKey(c: Context<Env>): void {
  const grant = c.get("grant");
  if (grant === undefined || grant.user === null) return;
  throw new Problem("forbidden", {
    errors: [{ field: "header.authorization", message: "must be a key of every user (user=*)" }],
  });
}

/** The author, as pauses and log lines name it. */
function authorOf(c: Context<Env>): string {
  return c.get("grant")?.name ?? "anonymous";
}

function toJson(pause: Pause | null): z.input<typeof PauseState> {
  return {
    paused: pause !== null,
    author: pause?.author ?? null,
    reason: pause?.reason ?? null,
    since: pause === null ? null : new Date(pause.since).toISOString(),
  };
}
