/** Lets a fault last: an outage of 20 s takes 20 s. All other waiting is for a condition. */
export function lastFor(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
