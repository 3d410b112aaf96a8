/**
 * The domain: what a thought is, which states it goes through, and the words this project uses.
 *
 * - **thought**: what a person posted; its row in `thoughts` is the source of truth.
 * - **outbox**: thoughts to announce, written in the transaction that makes them wait: neither exists
 *   without the other. Each has a **rank**, the fair order in which the **relay** moves them to the queue. A
 *   **flow** is the API key that a thought came with: flows take turns, and within each its users.
 * - **queue**: the transport of thought ids, Kafka or in-process. It may lose or repeat messages; nothing
 *   depends on it not to.
 * - **claim**: a worker taking a thought. Each claim raises `attempts`, and that number is the **fence**: a
 *   result is stored only while its claim is still the newest, so a zombie's late write changes nothing. A
 *   **release** returns a thought to the queue without charging an attempt.
 * - **lane**: room for one thought in analysis; a worker claims as many thoughts as lanes are free.
 * - **lease**: how long a claim is respected. The **reconciler** queues a thought again when its claim has
 *   gone stale or its message was lost.
 * - **crash**: a claim that went stale, as when the process ends. Its thought is a **suspect**, and is tried
 *   alone.
 * - **dead letter**: a message on `thoughts.dead`, of a failed thought or an unreadable message. A
 *   **redrive** gives a failed thought new attempts.
 * - **poison**: a message or thought that fails each time it is tried.
 */

/**
 * `pending → processing → completed | failed`; a retry goes back to `pending`, a redrive from `failed` too.
 */
export const STATUSES = ["pending", "processing", "completed", "failed"] as const;
export type Status = (typeof STATUSES)[number];

/** Whether a text has at most that many characters. */
export function isAtMost(text: string, chars: number): boolean {
  if (text.length <= chars) return true; // UTF-16 units, of which a character has one or two
  if (text.length > 2 * chars) return false;
  let count = 0;
  for (const _ of text) if (++count > chars) return false;
  return true;
}

/**
 * The canary's user. Its thoughts pass through every part like others, but are counted separately: no
 * business metric, cost or objective includes them, and no listing but this user's.
 */
export const CANARY_USER = "thought-processor-canary";

const ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Whether a text has the shape of a thought's id, a UUID. */
export function isThoughtId(text: string): boolean {
  return ID.test(text);
}

/**
 * How soon a thought is wanted: `batch` thoughts have one turn for ten of the interactive ones of the same
 * user.
 */
export const THOUGHT_PRIORITIES = ["interactive", "batch"] as const;
export type ThoughtPriority = (typeof THOUGHT_PRIORITIES)[number];

/** True when nothing further happens to a thought by itself. */
export function isFinal(status: Status): boolean {
  return status === "completed" || status === "failed";
}

/** A character is a Unicode code point: an emoji counts once, as in JSON Schema and in PostgreSQL. */
export const LIMITS = {
  /** Characters of a thought's text. */
  textChars: 10_000,
  /** Characters of the optional context. */
  contextChars: 2_000,
  userIdChars: 128,
  idempotencyKeyChars: 255,
  /** Thoughts on one page of a listing. */
  pageSize: 100,
  /** Characters that a search looks for. */
  searchChars: 200,
  /** Thoughts in one bulk request. */
  bulkThoughts: 1_000,
} as const;

/** A client's input, already checked. */
export interface NewThought {
  readonly userId: string;
  readonly text: string;
  readonly context: string | null;
  readonly idempotencyKey: string | null;
}

/** A thought as it is in the store. Times are ISO 8601 in UTC. */
export interface Thought {
  readonly id: string;
  readonly userId: string;
  readonly text: string;
  readonly context: string | null;
  readonly priority: ThoughtPriority;
  readonly status: Status;
  /** Claims so far. */
  readonly attempts: number;
  readonly result: Result | null;
  /** Why the last attempt failed; null when none did. */
  readonly error: string | null;
  /** The trace of the request that posted it; null where that was not recorded. */
  readonly traceId: string | null;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  readonly timeline: Timeline;
}

/**
 * When a thought reached each station of its way, on its newest attempt: by the database's clock, in ISO
 * 8601. A station is null until it is reached, and where its time was not recorded.
 */
export interface Timeline {
  /** It was stored, with its message in the outbox. */
  readonly acceptedAt: string;
  /** It began to wait in the outbox: when it was accepted, or when a retry is due. */
  readonly queuedAt: string;
  /** Its message was sent to the queue. This is known once it is claimed. */
  readonly publishedAt: string | null;
  /** A worker took it. */
  readonly claimedAt: string | null;
  /** Its result was there. */
  readonly analysedAt: string | null;
  /** Where the result came from: the analyser made it, or the cache had it. */
  readonly analysedBy: (typeof ANALYSED_BY)[number] | null;
  /** Its result was stored, or it failed for good. */
  readonly finishedAt: string | null;
}

export const ANALYSED_BY = ["analyser", "cache"] as const;

export const TYPES = [
  "task",
  "idea",
  "question",
  "worry",
  "reflection",
  "goal",
  "memory",
  "gratitude",
] as const;
export const URGENCIES = ["none", "low", "medium", "high", "immediate"] as const;
export const TONES = ["positive", "neutral", "negative", "mixed"] as const;
export const DIMENSIONS = [
  "health",
  "relationships",
  "career",
  "finances",
  "growth",
  "leisure",
  "community",
  "environment",
] as const;
export const PRIORITIES = ["low", "medium", "high", "critical"] as const;

export type Dimension = (typeof DIMENSIONS)[number];

/** An analysis of a thought, in its five parts. */
export interface Result {
  readonly classification: {
    readonly type: (typeof TYPES)[number];
    readonly urgency: (typeof URGENCIES)[number];
    readonly tone: (typeof TONES)[number];
  };
  readonly analysis: {
    readonly summary: string;
    readonly keywords: readonly string[];
  };
  /** Impact on each dimension of life that the thought touches, from -1 (harms) to 1 (helps). */
  readonly value: Readonly<Partial<Record<Dimension, number>>>;
  /** Concrete next steps, in order. */
  readonly actions: readonly string[];
  readonly priority: {
    readonly level: (typeof PRIORITIES)[number];
    /** 0 (can wait for ever) to 100 (drop everything). */
    readonly score: number;
    readonly reason: string;
  };
}
