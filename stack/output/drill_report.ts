/** The list of drills, and the result of one: for a person, and as JSON. */
import type { DrillResult } from "../drill/drill.ts";
import type { Drill } from "../drill/drills.ts";
import type { AlertTimes } from "../drill/run.ts";
import { paint, seconds, table, type Terminal } from "./format.ts";

export interface DrillList {
  readonly drills: readonly Drill[];
  /** How long each alert has to be true before it fires, by the drill's name; "0s" if it fires at once. */
  readonly firesAfter: ReadonlyMap<string, string>;
}

const STAGES: readonly (keyof AlertTimes)[] = ["pending", "firing", "delivered", "resolved"];

export function listText(terminal: Terminal, { drills, firesAfter }: DrillList, command: string): string {
  const head = ["  drill", "what it does", "alert", "fires after"].map((cell) =>
    paint(terminal, "dim", cell)
  );
  const rows = drills.map(({ name, does, alert, severity }) => {
    const after = firesAfter.get(name)!;
    return [`  ${name}`, does, `${alert} (${severity})`, after === "0s" ? "at once" : after];
  });
  const usage = [
    [`  ${command} drill NAME`, "at its real pace"],
    [`  ${command} drill NAME --fast`, "a rehearsal, with a Prometheus of its own"],
  ];
  return `${table([head, ...rows]).join("\n")}\n\n${table(usage).join("\n")}\n`;
}

export function resultText(
  terminal: Terminal,
  { drill, times, thoughts, notifications }: DrillResult,
): string {
  const head = ["  drill", "alert", ...STAGES].map((cell) => paint(terminal, "dim", cell));
  const reached = STAGES.map((stage) => times[stage] === undefined ? "–" : seconds(times[stage]));
  const row = [`  ${drill.name}`, `${drill.alert} (${drill.severity})`, ...reached];
  const { accepted, completed, refused } = thoughts;
  const lost = accepted - completed;
  const reported = notifications &&
    `  notifications: ${notifications.length} (${
      notifications.map((alerts) => alerts.join(" + ")).join("; ")
    })\n`;
  return `
${table([head, row]).join("\n")}

  thoughts meanwhile: ${accepted} accepted, ${completed} completed, ${lost} lost; ${refused} refused
${reported ?? ""}`;
}

export function listJson({ drills, firesAfter }: DrillList): unknown {
  return drills.map(({ name, does, alert, severity }) => ({
    name,
    does,
    alert,
    severity,
    firesAfter: firesAfter.get(name),
  }));
}

export function resultJson({ drill, fast, times, thoughts, notifications }: DrillResult): unknown {
  const { name, alert, severity } = drill;
  return { name, alert, severity, fast, secondsUntil: times, thoughts, notifications };
}
