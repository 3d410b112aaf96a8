import { doctorRows } from "../doctor/doctor.ts";
import { failuresOf, runPhase } from "../checklist.ts";
import type { Report } from "../output/report.ts";
import type { Session } from "../context.ts";

/** Looks whether everything is there that the stack needs. */
export async function doctor(session: Session): Promise<Report> {
  const { host, view, selection } = session;
  const phase = await runPhase(host, view, {
    name: "doctor",
    rows: doctorRows({ ...session, askRegistries: true }),
  });
  return {
    verb: "doctor",
    seconds: phase.seconds,
    phases: [phase],
    failures: failuresOf(phase),
    leftOut: selection.leftOut.map((s) => s.name),
  };
}
