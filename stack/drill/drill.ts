/**
 * A drill from beginning to end: breaks something, watches its alert fire, repairs it and watches the alert
 * resolve.
 */
import { dirname, join } from "node:path";
import { type Check, type ChecklistResult, failuresOf, runChecklist } from "../checklist.ts";
import type { Context } from "../context.ts";
import { LaunchFailure } from "../failure.ts";
import { type Paths, withPath } from "../paths.ts";
import type { Drill } from "./drills.ts";
import type { Tally } from "./load.ts";
import type { Notification } from "./receiver.ts";
import { type AlertTimes, openDrillRun } from "./run.ts";

export interface DrillResult {
  readonly drill: Drill;
  readonly fast: boolean;
  readonly times: AlertTimes;
  readonly thoughts: Tally;
  /** Everything that was reported firing until the alert was resolved; unknown to a fast drill. */
  readonly notifications?: readonly Notification[];
}

/**
 * Runs a drill. Whatever happens meanwhile, the fault is repaired: after a failure, and after Ctrl-C.
 *
 * @param fast with a Prometheus and an Alertmanager of its own, for which time runs faster
 * @returns no result when nothing was broken
 * @throws the host signal's reason on Ctrl-C, once the fault is repaired
 * @throws {LaunchFailure} when it was interrupted and cannot be repaired
 */
export async function runDrill(
  context: Context,
  drill: Drill,
  fast: boolean,
): Promise<{ readonly checklists: readonly ChecklistResult[]; readonly result?: DrillResult }> {
  using _lock = await lockDrills(context.paths);
  const run = await openDrillRun(context, drill, fast);
  const checklists: ChecklistResult[] = [];
  const pass = async (name: string, checks: readonly Check[]) => {
    const result = await runChecklist(context.host, context.view, { name, checks });
    checklists.push(result);
    return failuresOf(result).length === 0;
  };
  try {
    if (!await pass("before", run.beforeChecks())) return { checklists };
    await pass(drill.name, run.alertChecks());
    await pass("repair", run.repairChecks());
    const notifications = run.notifications();
    return {
      checklists,
      result: {
        drill,
        fast,
        times: run.times,
        thoughts: run.thoughts(),
        ...(notifications && { notifications }),
      },
    };
  } finally {
    await run.close();
  }
}

/** One drill at a time: two would repair, and remove, what the other needs. */
async function lockDrills({ lastUpFile }: Paths): Promise<Disposable> {
  const path = join(dirname(lastUpFile), "drill.lock");
  await withPath(path, () => Deno.mkdir(dirname(path), { recursive: true }));
  const file = await withPath(path, () => Deno.open(path, { create: true, write: true }));
  // The system releases it when this process ends, for whatever reason.
  if (await file.tryLock(true)) return file;
  file.close();
  throw new LaunchFailure("drill", {
    what: "Another drill is running on this stack",
    cause: `it holds ${path}`,
    next: ["wait for it, or end it with Ctrl-C: it repairs what it broke"],
  });
}
