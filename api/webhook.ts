/** The routes of an API key's webhook, and the events that it gets. */
import { randomBytes } from "node:crypto";
import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { CHANGE_OVER_HOURS, type Webhook, type Webhooks } from "../core/store/webhooks.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { refusalOf, WEBHOOK_URL_CHARS } from "../core/webhook_url.ts";
import { type BodyLimits, readJson, refuseDuplicateKeys } from "./body.ts";
import type { Env } from "./observe.ts";
import { Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";
import { parse, Text, ThoughtId } from "./schemas.ts";

export interface WebhookOptions {
  readonly webhooks: Webhooks;
  /** Hosts that may be in a private network. */
  readonly privateHosts: readonly string[];
  readonly log: Logger;
  readonly body: BodyLimits;
}

/** Of a secret: what the specification recommends. */
const SECRET_BYTES = 32;

const Url = Text(WEBHOOK_URL_CHARS).describe("Where events are posted; https")
  .openapi({ format: "uri" });

const PutWebhook = z.strictObject({ url: Url }).openapi("PutWebhook", {
  example: { url: "https://example.org/thoughts" },
});

const SavedWebhook = z.strictObject({
  url: Url,
  secret: z.string().describe("Signs the events; shown in this response alone"),
}).openapi("SavedWebhook", {
  example: { url: "https://example.org/thoughts", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" },
});

const WebhookState = z.strictObject({
  url: Url,
  created_at: z.iso.datetime(),
  pending: z.int().describe("Events that wait for their delivery, or for another attempt"),
  oldest_pending_at: z.iso.datetime().nullable().describe("When the thought of the oldest of them ended"),
  given_up: z.int().describe("Events of the last week that the receiver did not accept in time"),
  last_error: z.string().nullable().describe("What the newest attempt that failed ran into"),
}).openapi("Webhook", {
  example: {
    url: "https://example.org/thoughts",
    created_at: "2026-01-01T12:00:00.000Z",
    pending: 2,
    oldest_pending_at: "2026-01-01T12:30:00.000Z",
    given_up: 0,
    last_error: "status 503",
  },
});

const EVENTS = ["thought.completed", "thought.failed"] as const;

const event = (type: (typeof EVENTS)[number]) =>
  z.strictObject({
    type: z.literal(type),
    timestamp: z.iso.datetime().describe("When the thought ended"),
    data: z.strictObject({
      id: ThoughtId,
      user_id: z.string(),
      status: z.literal(type === "thought.completed" ? "completed" : "failed"),
      created_at: z.iso.datetime(),
      finished_at: z.iso.datetime(),
    }),
  }).openapi(type === "thought.completed" ? "ThoughtCompletedEvent" : "ThoughtFailedEvent");

const EventHeaders = z.object({
  "webhook-id": z.string().describe("The event's id, the same in every attempt: drop what you have seen"),
  "webhook-timestamp": z.string().describe("When this attempt was made, in seconds since 1970"),
  "webhook-signature": z.string().describe("`v1,` and the signature in base64; several with spaces between"),
});

const json = (schema: z.ZodType) => ({ "application/json": { schema } });

export function addWebhook(routes: Routes, { webhooks, privateHosts, log, body }: WebhookOptions): void {
  routes.add(
    {
      method: "put",
      path: "/webhook",
      tags: ["Webhooks"],
      scope: "write",
      operationId: "putWebhook",
      summary: "Be told when thoughts end",
      description:
        "Each thought posted with this API key is reported to the URL once it is completed or has failed, signed by the " +
        "[Standard Webhooks](https://www.standardwebhooks.com) specification. A key has one webhook. Each call makes a new " +
        `secret; the one before signs as well for ${CHANGE_OVER_HOURS} hours.`,
      request: { body: { required: true, content: json(PutWebhook) } },
      responses: { 200: { description: "Saved", content: json(SavedWebhook) } },
    },
    [
      "invalid-request",
      "body-timeout",
      "body-too-large",
      "unsupported-media-type",
      "webhook-url-refused",
      "unavailable",
    ],
    async (c) => {
      const given = await readJson(c.req.raw, body);
      refuseDuplicateKeys(given.text);
      const { url } = parse(PutWebhook, given.json);
      const refusal = refusalOf(url, privateHosts);
      if (refusal !== undefined) {
        throw new Problem("webhook-url-refused", { errors: [{ field: "url", message: refusal }] });
      }
      const secret = randomBytes(SECRET_BYTES).toString("base64");
      await webhooks.put({ flow: flowOf(c), userId: c.get("grant")?.user ?? null, url, secret });
      log.info("webhook saved", { key: c.get("grant")?.name, host: new URL(url).host });
      return c.json({ url, secret: `whsec_${secret}` });
    },
  );

  routes.add(
    {
      method: "get",
      path: "/webhook",
      tags: ["Webhooks"],
      scope: "read",
      operationId: "getWebhook",
      summary: "Read this API key's webhook",
      description: "With what waits for its delivery, and what the last attempt that failed ran into.",
      responses: { 200: { description: "The webhook", content: json(WebhookState) } },
    },
    ["webhook-not-found", "unavailable"],
    async (c) => {
      const webhook = await webhooks.get(flowOf(c));
      if (webhook === null) throw new Problem("webhook-not-found");
      return c.json(toJson(webhook));
    },
  );

  routes.add(
    {
      method: "delete",
      path: "/webhook",
      tags: ["Webhooks"],
      scope: "write",
      operationId: "deleteWebhook",
      summary: "Delete this API key's webhook",
      description: "With the events that wait for their delivery.",
      responses: { 204: { description: "Deleted" } },
    },
    ["webhook-not-found", "unavailable"],
    async (c) => {
      if (!await webhooks.delete(flowOf(c))) throw new Problem("webhook-not-found");
      log.info("webhook deleted", { key: c.get("grant")?.name });
      return c.body(null, 204);
    },
  );

  for (const type of EVENTS) {
    routes.addEvent({
      name: type,
      operationId: type === "thought.completed" ? "thoughtCompleted" : "thoughtFailed",
      summary: type === "thought.completed" ? "A thought is completed" : "A thought has failed",
      headers: EventHeaders,
      schema: event(type),
    });
  }
}

/** Thoughts are reported by the name of the key that they came with; without keys all have the empty one. */
const flowOf = (c: Context<Env>) => c.get("grant")?.name ?? "";

function toJson({ url, createdAt, pending, oldestPendingAt, givenUp, lastError }: Webhook) {
  return {
    url,
    created_at: createdAt,
    pending,
    oldest_pending_at: oldestPendingAt,
    given_up: givenUp,
    last_error: lastError,
  };
}
