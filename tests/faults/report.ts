/** The suite's table: one line a fault. */
import type { Verdict } from "./result_audit.ts";
import type { Load } from "./load.ts";

let started = false;

/** Prints what a fault did. `recoveryS` counts from its end to the last accepted thought's. */
export function report(fault: string, load: Load, verdict: Verdict, recoveryS: number): void {
  if (!started) print("fault", "accepted", "completed", "lost", "twice", "refused", "recovery s");
  started = true;
  const { lost, twice } = verdict;
  const accepted = load.accepted.length;
  print(
    fault,
    ...[accepted, accepted - lost, lost, twice, load.refused + load.unanswered].map(String),
    recoveryS.toFixed(1),
  );
}

function print(fault: string, ...columns: string[]) {
  // deno-lint-ignore no-console -- a report is for people
  console.log(`${fault.padEnd(46)}${columns.map((column) => column.padStart(11)).join("")}`);
}
