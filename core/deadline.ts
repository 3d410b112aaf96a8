/** Deadlines: for one wait, and for very many short ones. */

/** Thrown by {@link within}. */
export class DeadlineError extends Error {
  override readonly name = "DeadlineError";
}

/**
 * Waits for a promise until a deadline; later results are dropped.
 *
 * @throws {DeadlineError} naming what was waited for
 */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`${what} did not respond within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Wait {
  readonly overAt: number;
  readonly giveUp: () => void;
}

/**
 * Makes a deadline of a fixed length; a single timer serves all of its waits, since one timer each would cost
 * as much as the wait. The function it returns waits for a promise until that deadline; later results are
 * dropped. It rejects with a {@link DeadlineError} that names `what`.
 */
export function createDeadline(ms: number, what: string): <T>(promise: Promise<T>) => Promise<T> {
  const waits = new Set<Wait>(); // all of one length: the oldest ends first
  let timer: ReturnType<typeof setTimeout> | undefined;

  function check() {
    timer = undefined;
    const now = performance.now();
    for (const wait of waits) {
      if (wait.overAt > now) {
        timer = setTimeout(check, wait.overAt - now);
        return;
      }
      wait.giveUp();
    }
  }

  return <T>(promise: Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      const wait: Wait = {
        overAt: performance.now() + ms,
        giveUp: () => {
          waits.delete(wait);
          reject(new DeadlineError(`${what} did not respond within ${ms} ms`));
        },
      };
      waits.add(wait);
      timer ??= setTimeout(check, ms);
      promise.then((value) => {
        waits.delete(wait);
        resolve(value);
      }, (error) => {
        waits.delete(wait);
        reject(error);
      });
    });
}
