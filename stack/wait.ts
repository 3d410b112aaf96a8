import type { LaunchFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import { Unreachable } from "./clients/http.ts";

/** One answer to "is it so yet?": the evidence that it is, or why not. */
export type Answer = { ready: string } | { pending: string };

export interface WaitOptions {
  host: Host;
  /** Gives up after this many milliseconds. */
  deadlineMs: number;
  /** Pause between two questions, in milliseconds. @default 500 */
  everyMs?: number;
  signal?: AbortSignal;
  /** Told each time why it is not so yet. */
  say?: (why: string) => void;
  /** Makes the failure out of the last reason, when the deadline has passed. */
  late: (why: string) => LaunchFailure | Promise<LaunchFailure>;
}

/**
 * Asks until it is so, and returns the evidence. A server that cannot be reached counts as "not yet".
 *
 * @throws what `late` makes
 */
export async function until(ask: () => Promise<Answer>, options: WaitOptions): Promise<string> {
  const { host, deadlineMs, everyMs = 500, signal, say, late } = options;
  const end = host.now() + deadlineMs;
  while (true) {
    const answer = await ask().catch(notYet);
    if ("ready" in answer) return answer.ready;
    say?.(answer.pending);
    if (host.now() + everyMs > end) throw await late(`${answer.pending} (waited ${deadlineMs / 1000} s)`);
    await host.sleep(everyMs, signal);
  }
}

function notYet(error: unknown): { pending: string } {
  if (error instanceof Unreachable) return { pending: error.message };
  throw error;
}
