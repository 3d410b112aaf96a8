/** Mixed traffic against a running API: good, repeated, refused, read, followed. */
import { setTimeout as delay } from "node:timers/promises";

const REPEATED = ["Call the dentist", "Plan the garden", "Learn to sail"];
const ROUND_MS = 400;

/**
 * Sends a round of every kind of request, again and again.
 *
 * @param api base URL of the API
 * @param durationMs how long to go on
 * @returns the number of thoughts accepted
 */
export async function mixedTraffic(api: string, durationMs: number): Promise<number> {
  const end = Date.now() + durationMs;
  let accepted = 0;
  for (let round = 0; Date.now() < end; round++) {
    const user = `user-${round % 7}`;
    const [fresh] = await Promise.all([
      post(api, { user_id: user, text: `What about idea ${crypto.randomUUID()}?` }),
      post(api, { user_id: user, text: REPEATED[round % REPEATED.length] }),
      round % 3 === 0 ? post(api, { user_id: user }) : undefined, // refused: no text
      round % 5 === 0 ? read(`${api}/no-such-page`) : undefined,
      read(`${api}/thoughts?user_id=${user}&limit=5`),
    ]);
    if (fresh !== undefined) {
      accepted += 2;
      await read(`${api}/thoughts/${fresh}`);
      // Followed until it is done; the stream ends by itself.
      if (round % 10 === 0) await read(`${api}/thoughts/${fresh}/events`);
    }
    await delay(ROUND_MS);
  }
  return accepted;
}

async function post(api: string, thought: Record<string, unknown>): Promise<string | undefined> {
  const response = await fetch(`${api}/thoughts`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(thought),
    signal: AbortSignal.timeout(30_000),
  });
  const { id } = await response.json();
  return response.status === 201 ? id : undefined;
}

async function read(url: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(30_000) });
  await response.text();
}
