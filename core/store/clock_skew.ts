/**
 * How far ahead a time in the store can be, in milliseconds: no delay and no lease is longer. One that is further
 * ahead was written before the database's clock went back, and counts as past; else it would be waited for until the
 * clock has caught up (docs/decisions/0051-clocks.md).
 */
export const HORIZON_MS = 300_000;

/** The horizon as SQL: the latest time that anything written by the present clock can name. */
export const HORIZON = `(now() + interval '${HORIZON_MS} milliseconds')`;
