/** A thought as JSON, on the wire and in exports: its names in snake case. */
import type { Thought, Timeline } from "./thought.ts";

export type TimelineJson = ReturnType<typeof timelineToJson>;
export type ThoughtJson = ReturnType<typeof toJson>;

export function toJson(thought: Thought) {
  const { userId, traceId, createdAt, finishedAt, timeline, ...same } = thought;
  return {
    ...same,
    user_id: userId,
    trace_id: traceId,
    created_at: createdAt,
    finished_at: finishedAt,
    timeline: timelineToJson(timeline),
  };
}

export function timelineToJson(timeline: Timeline) {
  return {
    accepted_at: timeline.acceptedAt,
    queued_at: timeline.queuedAt,
    published_at: timeline.publishedAt,
    claimed_at: timeline.claimedAt,
    analysed_at: timeline.analysedAt,
    analysed_by: timeline.analysedBy,
    finished_at: timeline.finishedAt,
  };
}

/** Converts the result of {@link toJson} back to a thought. */
export function fromJson(
  { user_id, trace_id, created_at, finished_at, timeline, ...same }: ThoughtJson,
): Thought {
  return {
    ...same,
    userId: user_id,
    traceId: trace_id,
    createdAt: created_at,
    finishedAt: finished_at,
    timeline: {
      acceptedAt: timeline.accepted_at,
      queuedAt: timeline.queued_at,
      publishedAt: timeline.published_at,
      claimedAt: timeline.claimed_at,
      analysedAt: timeline.analysed_at,
      analysedBy: timeline.analysed_by,
      finishedAt: timeline.finished_at,
    },
  };
}
