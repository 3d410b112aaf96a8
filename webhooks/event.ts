/** The body of an event: which thought ended, and how. Its text and its result stay with the API. */
import type { Delivery } from "../core/store/deliveries.ts";

type Told = Pick<Delivery, "thoughtId" | "userId" | "status" | "acceptedAt" | "endedAt">;

/** The event as JSON: the same bytes in every attempt. */
export function eventBody({ thoughtId, userId, status, acceptedAt, endedAt }: Told): string {
  const finishedAt = new Date(endedAt).toISOString();
  return JSON.stringify({
    type: `thought.${status}`,
    timestamp: finishedAt,
    data: {
      id: thoughtId,
      user_id: userId,
      status,
      created_at: new Date(acceptedAt).toISOString(),
      finished_at: finishedAt,
    },
  });
}
