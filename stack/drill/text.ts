/** What a drill came to, and which there are: for a person, and as JSON. */
import type { DrillResult } from "./drill.ts";
import { paint, type Paper, seconds, table } from "../output/text.ts";
import type { Drill } from "./drills.ts";
import type { Course } from "./run.ts";

/** The drills there are, with how long each alert has to be true before it fires. */
export interface DrillList {
  drills: readonly Drill[];
  /** Prometheus's durations by the drill's name; "0s" where the alert fires at once. */
  firesAfter: ReadonlyMap<string, string>;
}

const STAGES: readonly (keyof Course)[] = ["pending", "firing", "delivered", "resolved"];

export function listText(paper: Paper, { drills, firesAfter }: DrillList): string {
  const head = ["  drill", "what it does", "alert", "fires after"].map((cell) => paint(paper, "dim", cell));
  const rows = drills.map(({ name, does, alert, severity }) => {
    const after = firesAfter.get(name)!;
    return [`  ${name}`, does, `${alert} (${severity})`, after === "0s" ? "at once" : after];
  });
  return `${table([head, ...rows]).join("\n")}

  deno task monitoring drill NAME          as it would really be
  deno task monitoring drill NAME --fast   with a Prometheus of its own, for which time runs faster
`;
}

export function resultText(paper: Paper, { drill, course, thoughts }: DrillResult): string {
  const head = ["  drill", "alert", ...STAGES].map((cell) => paint(paper, "dim", cell));
  const times = STAGES.map((stage) => course[stage] === undefined ? "–" : seconds(course[stage]));
  const row = [`  ${drill.name}`, `${drill.alert} (${drill.severity})`, ...times];
  const { accepted, completed, refused } = thoughts;
  return `
${table([head, row]).join("\n")}

  thoughts meanwhile: ${accepted} accepted, ${completed} completed, ${
    accepted - completed
  } lost; ${refused} refused
`;
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

export function resultJson({ drill, fast, course, thoughts }: DrillResult): unknown {
  const { name, alert, severity } = drill;
  return { name, alert, severity, fast, secondsUntil: course, thoughts };
}
