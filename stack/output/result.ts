/** The results of a verb, as a person reads them on stdout. */
import type { Outcome } from "../checklist.ts";
import type { Launcher } from "../launcher.ts";
import * as drillReport from "./drill_report.ts";
import { COLOUR, GLYPH, paint, seconds, table, type Terminal } from "./format.ts";
import { addressText, type Report } from "./report.ts";

export function resultText(report: Report, terminal: Terminal, { command }: Launcher): string {
  const { verb, failures, addresses, traceUrl, leftOut, drills, drill, adopted } = report;
  const lines: string[] = [];
  if (verb === "status") {
    const glyph = (outcome: Outcome) => paint(terminal, COLOUR[outcome], GLYPH[outcome]);
    const checks = report.checklists.flatMap((checklist) => checklist.checks);
    lines.push(...table(checks.map(({ name, outcome, text }) => [`  ${glyph(outcome)} ${name}`, text])));
  }
  if (addresses && (failures.length === 0 || verb === "urls")) lines.push(addressText(terminal, addresses));
  const isAboutServices = !["down", "drill", "traffic", "adopt", "uninstall"].includes(verb) &&
    (verb === "status" || failures.length === 0);
  if (leftOut.length > 0 && isAboutServices) lines.push(`  left out: ${leftOut.join(", ")}\n`);
  if (adopted && failures.length === 0) lines.push(adoptedText(adopted, command));
  if (drills) lines.push(drillReport.listText(terminal, drills, command));
  if (drill) lines.push(drillReport.resultText(terminal, drill));
  if (traceUrl) lines.push(`  One thought, all the way:\n  ${paint(terminal, "cyan", traceUrl)}\n`);
  if (verb === "up" && failures.length === 0) {
    lines.push(
      `  ${paint(terminal, ["green", "bold"], "Ready")} after ${seconds(report.seconds)}.`,
      ...table([["  prove it again", `${command} verify`], ["  stop it", `${command} down`]]),
    );
  }
  return lines.length > 0 ? lines.join("\n") + "\n" : "";
}

function adoptedText(adopted: NonNullable<Report["adopted"]>, command: string): string {
  if (adopted.length === 0) {
    return `  No service is adopted. The first: ${command} adopt http://localhost:3000/metrics --name shop`;
  }
  return table(adopted.map(({ name, url }) => [`  ${name}`, url])).join("\n");
}
