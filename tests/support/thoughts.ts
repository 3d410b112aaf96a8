/** Valid thoughts and results for tests, new each time, with the fields that a test sets. */
import { uuidv7 } from "uuidv7";
import type { Insertion, Progress } from "../../core/store/thoughts.ts";
import type { Result } from "../../core/thought.ts";

export function aThought(particulars: Partial<Insertion> = {}): Insertion {
  return {
    id: uuidv7(),
    userId: "ada",
    text: "I should call the dentist tomorrow",
    context: null,
    idempotencyKey: null,
    requestHash: null,
    priority: "interactive",
    flow: "",
    traceparent: null,
    ...particulars,
  };
}

export function aResult(summary = "Call the dentist"): Result {
  return {
    classification: { type: "task", urgency: "medium", tone: "neutral" },
    analysis: { summary, keywords: ["dentist"] },
    value: { health: 0.5 },
    actions: ["Call now"],
    priority: { level: "medium", score: 48, reason: "It is due tomorrow" },
  };
}

export function aProgress(particulars: Partial<Progress> = {}): Progress {
  const acceptedAt = "2026-01-01T12:00:00.000Z";
  return {
    id: uuidv7(),
    userId: "ada",
    status: "pending",
    attempts: 0,
    error: null,
    traceId: null,
    timeline: {
      acceptedAt,
      queuedAt: acceptedAt,
      publishedAt: null,
      claimedAt: null,
      analysedAt: null,
      analysedBy: null,
      finishedAt: null,
    },
    ...particulars,
  };
}
