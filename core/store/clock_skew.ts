/**
 * How far ahead a time in the store can be, in milliseconds: no delay and no lease is longer. A time further
 * ahead was written before the database's clock went back, and counts as past; otherwise it would be awaited
 * until the clock has caught up (docs/decisions/0051-clocks.md).
 */
export const HORIZON_MS = 300_000;

/** The horizon as SQL: the latest time that the present clock can have written. */
export const HORIZON = `(now() + interval '${HORIZON_MS} milliseconds')`;
