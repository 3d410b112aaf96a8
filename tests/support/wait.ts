/** Waiting for a condition, with a deadline. */
export interface WaitOptions {
  /** @default 30_000 */
  readonly timeoutMs?: number;
  /** @default 50 */
  readonly everyMs?: number;
  /** Added to the error when time is up. */
  readonly describe?: () => unknown;
}

/**
 * Calls `ask` until it returns neither undefined nor false. A call that throws counts as not yet: the other side may be down.
 *
 * @throws {Error} naming what was waited for, when time is up; its cause is what `ask` threw last
 */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = 30_000, everyMs = 50, describe }: WaitOptions = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    let cause: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      cause = error;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `Waited ${timeoutMs} ms for ${what}${describe ? `: ${JSON.stringify(describe())}` : ""}`,
        { cause },
      );
    }
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
