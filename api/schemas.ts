/** The wire format. The same schemas validate requests and generate the OpenAPI document. */
import { z } from "@hono/zod-openapi";
import { ResultSchema } from "../core/result.ts";
import { ANALYSED_BY, isAtMost, LIMITS, STATUSES, THOUGHT_PRIORITIES } from "../core/thought.ts";
import { Problem, PROBLEM_CODES } from "./problem.ts";

/** Text that every part can hold: PostgreSQL takes no NUL, UTF-8 no lone surrogate. */
export const Text = (max: number) =>
  z.string().min(1).openapi({ maxLength: max })
    .refine((text) => isAtMost(text, max), `must be at most ${max} characters`)
    .refine((text) => !text.includes("\0"), "must not contain NUL (U+0000)")
    .refine((text) => text.isWellFormed(), "must not contain a lone surrogate")
    .refine((text) => /\S/.test(text), "must not be blank");

const UserId = Text(LIMITS.userIdChars).describe("Whose thought it is");

export const CreateThought = z.strictObject({
  user_id: UserId,
  text: Text(LIMITS.textChars).describe("The thought"),
  context: Text(LIMITS.contextChars).nullish().describe("Background that helps to understand it"),
  priority: z.enum(THOUGHT_PRIORITIES).optional()
    .describe("`batch` waits behind `interactive`, the default: its turn costs its user more"),
}).openapi("CreateThought", { example: { user_id: "ada", text: "I should call the dentist tomorrow" } });

/** Several lines of one header arrive as one, with a comma between them, so a key must not contain one. */
export const IdempotencyKey = z.string()
  .regex(/^[\x20-\x2b\x2d-\x7e]+$/, "must be one line of printable ASCII without a comma")
  .max(LIMITS.idempotencyKeyChars);

export const IdempotencyHeaders = z.object({ "idempotency-key": IdempotencyKey.optional() });

export const ThoughtId = z.uuid().describe("UUID, version 7");

const EXAMPLE_ID = "01890a5d-ac96-774b-bcce-b302099a8057";

export const Accepted = z.strictObject({ id: ThoughtId, status: z.enum(STATUSES) })
  .openapi("Accepted", { example: { id: EXAMPLE_ID, status: "pending" } });

const Station = z.iso.datetime().nullable();

const EXAMPLE_TIMELINE = {
  accepted_at: "2026-01-01T12:00:00.000Z",
  queued_at: "2026-01-01T12:00:00.000Z",
  published_at: "2026-01-01T12:00:00.031Z",
  claimed_at: "2026-01-01T12:00:00.038Z",
  analysed_at: "2026-01-01T12:00:00.112Z",
  analysed_by: "analyser" as const,
  finished_at: "2026-01-01T12:00:00.120Z",
};

export const TimelineJson = z.strictObject({
  accepted_at: z.iso.datetime().describe("It was stored, with its message in the outbox"),
  queued_at: z.iso.datetime().describe("It began to wait in the outbox: later than accepted after a retry"),
  published_at: Station.describe("Its message was sent to the queue; known once it is claimed"),
  claimed_at: Station.describe("A worker took it"),
  analysed_at: Station.describe("Its result was there"),
  analysed_by: z.enum(ANALYSED_BY).nullable().describe("The analyser made the result, or the cache had it"),
  finished_at: Station.describe("Its result was stored, or it failed for good"),
}).openapi("Timeline", {
  description: "When it reached each station of its newest attempt; null until then",
  example: EXAMPLE_TIMELINE,
});

export const ThoughtJson = z.strictObject({
  id: ThoughtId,
  user_id: z.string(),
  text: z.string(),
  context: z.string().nullable(),
  priority: z.enum(THOUGHT_PRIORITIES),
  status: z.enum(STATUSES),
  attempts: z.int().describe("Attempts at processing it so far"),
  result: (ResultSchema as z.ZodType<unknown>).nullable(),
  error: z.string().nullable().describe("Why the last attempt failed"),
  trace_id: z.string().nullable().describe("The trace of the request that posted it, where it was recorded"),
  created_at: z.iso.datetime(),
  finished_at: z.iso.datetime().nullable().describe("When it completed or failed for good"),
  timeline: TimelineJson,
}).openapi("Thought", {
  example: {
    id: EXAMPLE_ID,
    user_id: "ada",
    text: "I should call the dentist tomorrow",
    context: null,
    priority: "interactive",
    status: "completed",
    attempts: 1,
    result: {
      classification: { type: "task", urgency: "medium", tone: "neutral" },
      analysis: { summary: "A call to the dentist, due tomorrow", keywords: ["dentist"] },
      value: { health: 0.4 },
      actions: ["Call the dentist"],
      priority: { level: "medium", score: 50, reason: "It is due tomorrow" },
    },
    error: null,
    trace_id: null,
    created_at: "2026-01-01T12:00:00.000Z",
    finished_at: "2026-01-01T12:00:00.120Z",
    timeline: EXAMPLE_TIMELINE,
  },
});

/** Fields of a thought that a listing can be cut down to; its id is always there. */
export const FIELDS = Object.keys(ThoughtJson.shape) as [
  keyof typeof ThoughtJson.shape,
  ...(keyof typeof ThoughtJson.shape)[],
];
export type Field = (typeof FIELDS)[number];

export const ThoughtPage = z.strictObject({
  thoughts: z.array(
    ThoughtJson.partial().required({ id: true }).openapi("ListedThought", {
      description: "A thought with all its fields, or with those asked for by `fields`",
    }),
  ),
  next_cursor: z.string().nullable().describe("Give it as `cursor` for the next page; null on the last one"),
}).openapi("ThoughtPage");

const Time = z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))
  .openapi({ type: "string", format: "date-time", example: "2026-01-01T12:00:00Z" });

const Fields = z.union([z.string(), z.array(z.string())]).transform((given) =>
  [given].flat().join().split(",")
)
  .pipe(z.array(z.enum(FIELDS)).max(FIELDS.length))
  .openapi({ type: "array", items: { type: "string", enum: FIELDS }, maxItems: FIELDS.length });

export const ListQuery = z.strictObject({
  user_id: UserId.optional(),
  status: z.enum(STATUSES).optional(),
  limit: z.string().regex(/^\d{1,4}$/, "must be a whole number").transform(Number)
    .pipe(z.int().min(1).max(LIMITS.pageSize)).default(20)
    .openapi({ type: "integer", minimum: 1, maximum: LIMITS.pageSize, default: 20 }),
  order: z.enum(["asc", "desc"]).default("desc").describe("`desc`: the newest first"),
  created_after: Time.optional().describe("Only thoughts accepted after this"),
  created_before: Time.optional().describe("Only thoughts accepted before this"),
  q: Text(LIMITS.searchChars).optional()
    .describe("Only thoughts with this in their text or context, in any case"),
  fields: Fields.optional()
    .describe("Only these fields, given one by one or with commas between; `id` is always there"),
  cursor: z.string().max(64).refine(isCursor, "must be the next_cursor of an earlier page").optional(),
});

/** Each item is checked by itself, so that one that is wrong takes no other along. */
export const BulkEnvelope = z.strictObject({
  thoughts: z.array(z.unknown()).min(1).max(LIMITS.bulkThoughts),
});
export const BulkCreate = BulkEnvelope.extend({
  thoughts: z.array(CreateThought).min(1).max(LIMITS.bulkThoughts),
}).openapi("BulkCreate", {
  example: { thoughts: [{ user_id: "ada", text: "I should call the dentist tomorrow" }] },
});

const BulkItem = z.union([
  z.strictObject({
    outcome: z.enum(["stored", "repeated"]).describe("`repeated`: it was stored by an earlier request"),
    id: ThoughtId,
    status: z.enum(STATUSES),
  }).openapi("BulkStored"),
  z.strictObject({
    outcome: z.literal("refused"),
    problem: z.strictObject({
      type: z.string().openapi({ format: "uri-reference" }),
      code: z.enum(PROBLEM_CODES),
      title: z.string(),
      errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
    }),
  }).openapi("BulkRefused"),
]);
export type BulkItem = z.input<typeof BulkItem>;

export const BulkCreated = z.strictObject({
  thoughts: z.array(BulkItem).describe("What became of each thought, in the order given"),
}).openapi("BulkCreated", {
  example: { thoughts: [{ outcome: "stored", id: EXAMPLE_ID, status: "pending" }] },
});

export const FollowQuery = z.strictObject({
  user_id: UserId.optional().describe("Whose thoughts; by default those of the key's user"),
});

export const ForgetQuery = z.strictObject({ user_id: UserId });
export const Forgotten = z.strictObject({ thoughts: z.int().describe("How many thoughts were deleted") })
  .openapi("Forgotten");

export const ProblemJson = z.object({
  type: z.string().describe("Leads to a page that says what to do").openapi({ format: "uri-reference" }),
  code: z.enum(PROBLEM_CODES).describe("The last part of the type"),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional(),
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
  trace_id: z.string().optional().describe("The request's trace, when tracing is on"),
  request_id: z.string().optional().describe("In the log line of the request, when tracing is off"),
}).openapi("Problem", {
  example: {
    type: "/problems/invalid-request",
    code: "invalid-request",
    title: "The request is not valid",
    status: 400,
    errors: [{ field: "text", message: "must not be blank" }],
    request_id: "0b9b6a3c-4a5f-4b87-9c1e-3f6f0d6f7a51",
  },
});

/**
 * Parses a value of the request.
 *
 * @param where prefix of the field's name: `query.`, `path.`, or nothing for the body
 * @throws {Problem} 400 naming each field that is wrong
 */
export function parse<T extends z.ZodType>(schema: T, value: unknown, where = ""): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.flatMap((issue) => {
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        field: `${where}${key.slice(0, 64)}`,
        message: "is not a known field",
      }));
    }
    return [{ field: `${where}${issue.path.join(".")}` || "body", message: issue.message }];
  });
  throw new Problem("invalid-request", { errors: errors.slice(0, 20) });
}

/** A request's fields under this program's names. core/thought_json.ts does the same for thoughts. */
export function named<T extends { readonly user_id?: string | undefined }>(
  { user_id, ...same }: T,
): Omit<T, "user_id"> & { readonly userId: T["user_id"] } {
  return { ...same, userId: user_id };
}

/** A cursor is the last id of a page, opaque because it may become something else. */
export function toCursor(id: string): string {
  return Uint8Array.fromHex(id.replaceAll("-", "")).toBase64({ alphabet: "base64url", omitPadding: true });
}

function isCursor(text: string): boolean {
  return /^[A-Za-z0-9_-]{22}$/.test(text) && toCursor(fromCursor(text)) === text;
}

/** @returns the id inside a cursor */
export function fromCursor(cursor: string): string {
  const hex = Uint8Array.fromBase64(cursor, { alphabet: "base64url" }).toHex();
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
