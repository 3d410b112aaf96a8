/**
 * Analyses that may be in progress at once: halved by a 429, one more after each round of successes (AIMD, as
 * TCP does).
 */

export interface AdaptiveLanes {
  /** At least 1, at most the setting. */
  value(): number;
  succeeded(): void;
  /** Called once for the 429s of one burst. */
  limited(): void;
}

export function createAdaptiveLanes(most: number): AdaptiveLanes {
  let lanes = most;
  return {
    value: () => Math.floor(lanes),
    succeeded() {
      lanes = Math.min(most, lanes + 1 / lanes);
    },
    limited() {
      lanes = Math.max(1, Math.floor(lanes / 2));
    },
  };
}
