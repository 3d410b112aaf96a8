/** How PostgreSQL is to plan our statements: as lookups by an index, whatever it believes of a table. */
import type { Logger } from "../telemetry/log.ts";
import type { Queries } from "./database.ts";

/**
 * Neither scans nor bitmaps, which a table believed to be small would get, nor a sort in place of an index that is
 * in order already; and no compilation, which takes longer than the statement (docs/decisions/0063-plans.md).
 */
export const LOOKUPS = {
  enable_seqscan: "off",
  enable_bitmapscan: "off",
  enable_sort: "off",
  enable_incremental_sort: "off",
  jit: "off",
} as const;

/** Logs what to do where the settings do not hold: a pooler accepts none of ours, so the role must have them. */
export async function warnOfScans(tx: Queries, log: Logger): Promise<void> {
  const on = await tx.query<{ sql: string }>(
    `select format('alter role %I in database %I set %s = off', current_user, current_database(), name) as sql
     from pg_settings where name = any(string_to_array($1, ',')) and setting = 'on' order by name`,
    [Object.keys(LOOKUPS).join(",")],
  );
  if (on.length === 0) return;
  log.warn("a pooler accepts no settings, so PostgreSQL may plan slow scans: run this once", {
    sql: on.map(({ sql }) => sql).join("; "),
  });
}
