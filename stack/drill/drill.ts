import type { Drill } from "./drills.ts";
import type { Account } from "./load.ts";
import { type Course, DrillRun } from "./run.ts";
import { failuresOf, type PhaseResult, type Row, runPhase } from "../checklist.ts";
import type { Session } from "../context.ts";

export interface DrillResult {
  drill: Drill;
  fast: boolean;
  course: Course;
  thoughts: Account;
}

/**
 * Breaks something, watches its alert come, mends it and watches the alert go. Whatever happens meanwhile, it is
 * mended: after a failure, and after Ctrl-C.
 *
 * @param fast with a Prometheus and an Alertmanager of its own, for which time runs faster
 * @returns no result when nothing could be broken
 * @throws the host signal's reason on Ctrl-C, once it is mended
 * @throws {LaunchFailure} when it was interrupted and cannot be mended
 */
export async function runDrill(
  session: Session,
  drill: Drill,
  fast: boolean,
): Promise<{ phases: PhaseResult[]; result?: DrillResult }> {
  const run = await DrillRun.open(session, drill, fast);
  const phases: PhaseResult[] = [];
  const phase = async (name: string, rows: readonly Row[]) => {
    const result = await runPhase(session.host, session.view, { name, rows });
    phases.push(result);
    return failuresOf(result).length === 0;
  };
  try {
    if (!await phase("before", run.beforeRows())) return { phases };
    await phase(drill.name, run.alertRows());
    await phase("mend", run.mendRows());
    return { phases, result: { drill, fast, course: run.course, thoughts: run.thoughts } };
  } finally {
    await run.close();
  }
}
