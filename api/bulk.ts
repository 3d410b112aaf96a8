/** Many thoughts in one request, each with an outcome of its own. */
import { createHash } from "node:crypto";
import type { Context } from "hono";
import type { Inserted, Insertion, Store } from "../core/store/thoughts.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { isSampled } from "../core/telemetry/traceparent.ts";
import { inject } from "../core/telemetry/tracing.ts";
import { CANARY_USER, LIMITS } from "../core/thought.ts";
import { type BodyLimits, readJson, refuseDuplicateKeys } from "./body.ts";
import type { Intake } from "./intake.ts";
import { newThought, POST_PROBLEMS } from "./new_thought.ts";
import type { Env } from "./observe.ts";
import { Problem, PROBLEMS } from "./problem.ts";
import type { Routes } from "./routes.ts";
import {
  BulkCreate,
  BulkCreated,
  BulkEnvelope,
  type BulkItem,
  IdempotencyHeaders,
  IdempotencyKey,
  parse,
} from "./schemas.ts";

export interface BulkOptions {
  readonly store: Pick<Store, "insertAsOne">;
  readonly intake: Pick<Intake, "addAll">;
  readonly metrics: Metrics<"api">;
  readonly log: Logger;
  readonly body: BodyLimits;
  /** Requests at once, which bounds their memory; more are refused. @default 8 */
  readonly maxAtOnce?: number;
}

/** Bytes of a bulk request: a thousand thoughts of 4,000 characters. */
export const BULK_BYTES = 4 * 1_024 * 1_024;

const json = { "application/json": { schema: BulkCreate } };

export function addBulk(routes: Routes, options: BulkOptions): void {
  const { body, maxAtOnce = 8 } = options;
  let atOnce = 0;

  routes.add(
    {
      method: "post",
      path: "/thoughts/bulk",
      tags: ["Thoughts"],
      scope: "write",
      sole: true,
      operationId: "createThoughts",
      summary: `Post up to ${LIMITS.bulkThoughts.toLocaleString("en")} thoughts`,
      description:
        "Stores them together and returns the outcome of each, in the order given: one that is refused does not affect the others. " +
        "An `Idempotency-Key` applies to the whole: the same request again returns the same ids, as `repeated`; " +
        "another request under it is refused as a whole. To the rate limit it is one request, " +
        `and its body may have ${BULK_BYTES / 1_024 / 1_024} MiB.`,
      request: { headers: IdempotencyHeaders, body: { required: true, content: json } },
      responses: {
        200: {
          description: "The outcome of each thought",
          content: { "application/json": { schema: BulkCreated } },
        },
      },
    },
    POST_PROBLEMS,
    async (c) => {
      if (atOnce >= maxAtOnce) throw new Problem("overloaded");
      atOnce++;
      try {
        const given = await readJson(c.req.raw, { ...body, maxBytes: BULK_BYTES });
        refuseDuplicateKeys(given.text);
        const { thoughts } = parse(BulkEnvelope, given.json);
        return c.json({ thoughts: await create(c, thoughts, options) });
      } finally {
        atOnce--;
      }
    },
  );
}

async function create(
  c: Context<Env>,
  given: readonly unknown[],
  { store, intake, metrics, log }: BulkOptions,
): Promise<BulkItem[]> {
  const header = c.req.header("idempotency-key");
  const key = header === undefined ? null : parse(IdempotencyKey, header, "header.idempotency-key");
  const requestHash = key === null
    ? null
    : createHash("sha256").update(JSON.stringify(given)).digest("base64url");
  const traceparent = inject();
  const checked = given.map((item, at): Insertion | Problem => {
    try {
      const thought = newThought(item, c.get("grant"), traceparent);
      // A client's key cannot contain a comma, so these keys are distinct.
      return key === null ? thought : { ...thought, idempotencyKey: `bulk,${key},${at}`, requestHash };
    } catch (error) {
      if (error instanceof Problem) return error;
      throw error;
    }
  });
  const thoughts = checked.filter((one): one is Insertion => !(one instanceof Problem));
  const inserted = thoughts.length === 0
    ? []
    : key === null
    ? await intake.addAll(thoughts)
    : await store.insertAsOne(key, thoughts);
  if (inserted === null) throw KEY_REUSED;

  const stored = thoughts.filter((_, at) => inserted[at]!.outcome === "stored");
  metrics.thoughts_accepted_total.inc(stored.filter(({ userId }) => userId !== CANARY_USER).length);
  if (isSampled(traceparent)) {
    log.info("thoughts accepted", { stored: stored.length, refused: given.length - thoughts.length });
  }
  const outcomes = inserted.values();
  const prefix = c.get("prefix") ?? "";
  return checked.map((one) =>
    one instanceof Problem ? refused(one, prefix) : toItem(outcomes.next().value!, prefix)
  );
}

const KEY_REUSED = new Problem("idempotency-key-reused", {
  errors: [{ field: "header.idempotency-key", message: "belongs to another request" }],
});

function toItem(inserted: Inserted, prefix: string): BulkItem {
  switch (inserted.outcome) {
    case "stored":
      return { outcome: "stored", id: inserted.id, status: "pending" };
    case "repeated":
      return { outcome: "repeated", id: inserted.id, status: inserted.status };
    case "conflict":
      return refused(KEY_REUSED, prefix);
    case "unstorable":
      return refused(new Problem("unstorable"), prefix);
  }
}

function refused({ code, particulars: { errors } }: Problem, prefix: string): BulkItem {
  const type = `${prefix}/problems/${code}`;
  const problem = {
    type,
    code,
    title: PROBLEMS[code].title,
    ...(errors === undefined ? {} : { errors: [...errors] }),
  };
  return { outcome: "refused", problem };
}
