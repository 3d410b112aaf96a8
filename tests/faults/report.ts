/** The suite's tables: one line a fault. */
import type { Verdict } from "./result_audit.ts";
import type { Load } from "./load.ts";

const OUTCOME = ["fault", "accepted", "completed", "lost", "twice", "refused"] as const;
let printed: string | undefined;

/** Prints what a fault did. `recoveryS` counts from its end to the last accepted thought's. */
export function report(fault: string, load: Load, verdict: Verdict, recoveryS: number): void {
  print([...OUTCOME, "recovery s"], [fault, ...outcome(load, verdict), recoveryS.toFixed(1)]);
}

export interface Gaps {
  /** The longest time in which no thought was accepted. */
  readonly acceptedS: number;
  /** The longest time in which none was completed. */
  readonly completedS: number;
}

/** Prints what a fault did in a cluster, which goes on without being mended. */
export function reportFailover(fault: string, load: Load, verdict: Verdict, gaps: Gaps): void {
  print([...OUTCOME, "none acc. s", "none compl. s"], [
    fault,
    ...outcome(load, verdict),
    gaps.acceptedS.toFixed(1),
    gaps.completedS.toFixed(1),
  ]);
}

function outcome(load: Load, { lost, twice }: Verdict): string[] {
  const accepted = load.accepted.length;
  return [accepted, accepted - lost, lost, twice, load.refused + load.unanswered].map(String);
}

/** Repeats the titles only when they change. */
function print(titles: readonly string[], row: readonly string[]) {
  if (printed !== titles.join()) printLine(titles);
  printed = titles.join();
  printLine(row);
}

function printLine([fault, ...columns]: readonly string[]) {
  // deno-lint-ignore no-console -- a report is for people
  console.log(`${fault!.padEnd(46)}${columns.map((column) => column.padStart(14)).join("")}`);
}
