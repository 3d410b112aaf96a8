/** Checks that everything the stack needs is there. */
import { runChecklist } from "../checklist.ts";
import type { Context } from "../context.ts";
import { doctorChecks } from "../doctor/doctor.ts";
import { createReport, type Report } from "../output/report.ts";

export async function doctor(context: Context): Promise<Report> {
  const checks = doctorChecks({ ...context, askRegistries: true });
  return createReport(context, {
    checklists: [await runChecklist(context.host, context.view, { name: "doctor", checks })],
  });
}
