/** What the statements on claimed thoughts share: conditions, fences, and what follows the end of an attempt. */
import { announceLater } from "./outbox.ts";
import { report } from "./webhooks.ts";

/** Statements that lock many rows lock them in the order of their ids: no two wait for each other. */
export const byId = (one: { readonly id: string }, other: { readonly id: string }) =>
  one.id < other.id ? -1 : 1;

/** The lowest id, before all that exist. */
export const LOWEST_ID = "00000000-0000-0000-0000-000000000000";

/** A parameter in milliseconds, as an interval. */
export const interval = (parameter: string) => `${parameter}::float8 * interval '1 millisecond'`;

/**
 * A condition on a thought that the planner treats as one on the join: if it expected few thoughts to match,
 * as from a young table's statistics, it would begin with a scan for them.
 */
export const joined = (id: string, condition: string) =>
  `case when ${id} is null then false else ${condition} end`;

/** A thought and the attempt at it: whoever has a newer one owns it. */
export interface Fence {
  readonly id: string;
  readonly attempt: number;
}

/** Fences as a parameter. */
export const fences = (of: readonly Fence[]) =>
  JSON.stringify(of.toSorted(byId).map(({ id, attempt }) => ({ id, attempt })));

/** What became of attempts that ended, by thought. */
export interface Ended {
  readonly waiting: ReadonlySet<string>;
  readonly failed: ReadonlySet<string>;
}

/** CTEs after `ended` that announce again what waits, and report and write dead letters of what failed. */
export const AFTERWARDS = `
  ${announceLater("ended")}, ${report("ended")}, dead as (
    insert into dead_letters (value, reason, traceparent)
    select id::text, coalesce(error, 'unknown'), traceparent from ended where status = 'failed'
  )
  select id, status from ended`;

/** Reads what a statement with {@link AFTERWARDS} returns. */
export function ended(rows: readonly { id: string; status: string }[]): Ended {
  const those = (status: string) => new Set(rows.filter((row) => row.status === status).map(({ id }) => id));
  return { waiting: those("pending"), failed: those("failed") };
}
