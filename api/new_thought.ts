/** A thought to store, made from what a client posts: checked, with its id, and for a user whom the key reaches. */
import { uuidv7 } from "uuidv7";
import type { Insertion } from "../core/store/thoughts.ts";
import type { Traceparent } from "../core/telemetry/traceparent.ts";
import { reaches } from "./access.ts";
import type { Grant } from "./keys.ts";
import { Problem, type ProblemCode } from "./problem.ts";
import { CreateThought, named, parse } from "./schemas.ts";

/** What a request that posts thoughts may run into, besides what every route may. */
export const POST_PROBLEMS: readonly ProblemCode[] = [
  "invalid-request",
  "body-timeout",
  "body-too-large",
  "unsupported-media-type",
  "idempotency-key-reused",
  "overloaded",
];

/**
 * Makes a thought, without an Idempotency-Key.
 *
 * @throws {Problem} `invalid-request`, `forbidden`
 */
export function newThought(
  posted: unknown,
  grant: Grant | undefined,
  traceparent: Traceparent | null,
): Insertion {
  const { userId, text, context = null, priority = "interactive" } = named(parse(CreateThought, posted));
  if (!reaches(grant, userId)) {
    throw new Problem("forbidden", { errors: [{ field: "user_id", message: "must be this key's user" }] });
  }
  return {
    id: uuidv7(),
    userId,
    text,
    context,
    idempotencyKey: null,
    requestHash: null,
    priority,
    flow: grant?.name ?? "",
    traceparent,
  };
}
