/** Waiting for a condition, with a deadline. */
import { Unreachable } from "./clients/http.ts";
import type { LaunchFailure } from "./failure.ts";
import type { Host } from "./host.ts";

/** One poll of the condition: the evidence that it holds, or why it does not yet. */
export type Poll = { readonly ready: string } | { readonly pending: string };

export interface WaitOptions {
  readonly host: Host;
  /** Gives up after this many milliseconds. */
  readonly deadlineMs: number;
  /** Pause between two polls, in milliseconds. @default 500 */
  readonly everyMs?: number;
  readonly signal?: AbortSignal;
  /** Called after each poll with why the condition does not hold yet. */
  readonly say?: (why: string) => void;
  /** Makes the failure from the last reason, once the deadline has passed. */
  readonly late: (why: string) => LaunchFailure | Promise<LaunchFailure>;
}

/**
 * Polls until the condition holds, and returns the evidence. A server that cannot be reached counts as "not
 * yet".
 *
 * @throws what `late` makes
 */
export async function until(poll: () => Promise<Poll>, options: WaitOptions): Promise<string> {
  const { host, deadlineMs, everyMs = 500, signal, say, late } = options;
  const end = host.now() + deadlineMs;
  while (true) {
    const found = await poll().catch(notYet);
    if ("ready" in found) return found.ready;
    say?.(found.pending);
    if (host.now() + everyMs > end) throw await late(`${found.pending} (waited ${deadlineMs / 1_000} s)`);
    await host.sleep(everyMs, signal);
  }
}

function notYet(error: unknown): Poll {
  if (error instanceof Unreachable) return { pending: error.message };
  throw error;
}
