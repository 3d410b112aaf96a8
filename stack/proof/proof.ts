import type { Dashboard } from "../dashboards/model.ts";
import { LaunchFailure } from "../failure.ts";
import { Unreachable } from "../clients/http.ts";
import type { Row } from "../checklist.ts";
import type { Proven } from "./context.ts";
import { dashboardsLoaded, sourcesAnswer } from "./grafana.ts";
import { logged } from "./logs.ts";
import { panelsFilled } from "./panels.ts";
import { targetsUp } from "./targets.ts";
import type { ProofThought } from "./thought.ts";
import { traced } from "./trace.ts";
import { watchdogFires } from "./watchdog.ts";
import type { ServiceName } from "../services.ts";

interface Check extends Row {
  /** Services without which there is nothing to check. */
  needs: readonly ServiceName[];
}

/** What shows that the monitoring sees the stack: without these `up` is not through, proof or no proof. */
export function readinessRows(proven: Proven, dashboards: readonly Dashboard[]): Row[] {
  return select(proven, [
    { name: "targets", needs: ["prometheus"], run: (row) => targetsUp(proven, row) },
    { name: "data sources", needs: ["grafana"], run: (row) => sourcesAnswer(proven, row) },
    { name: "dashboards", needs: ["grafana"], run: (row) => dashboardsLoaded(proven, dashboards, row) },
  ]);
}

/** The whole proof: readiness, and one thought followed through every part. */
export function proofRows(proven: Proven, dashboards: readonly Dashboard[], thought: ProofThought): Row[] {
  const after = ["completed"];
  return [
    ...readinessRows(proven, dashboards),
    ...select(proven, [
      { name: "accepted", needs: ["api"], run: () => thought.accepted() },
      {
        name: "completed",
        needs: ["kafka-worker"],
        after: ["accepted"],
        run: (row) => thought.completed(row),
      },
      { name: "counted", needs: ["kafka-worker"], after, run: (row) => thought.counted(row) },
      { name: "traced", needs: ["tempo"], after, run: (row) => traced(proven, thought, row) },
      { name: "logged", needs: ["loki", "promtail"], after, run: (row) => logged(proven, thought, row) },
      {
        name: "panels",
        needs: ["prometheus"],
        after: ["targets", ...after],
        run: (row) => panelsFilled(proven, dashboards, thought, row),
      },
      { name: "watchdog", needs: ["prometheus", "alertmanager"], run: (row) => watchdogFires(proven, row) },
    ]),
  ];
}

/** The checks that can be made with the services that are wanted. */
function select({ selection }: Proven, checks: readonly Check[]): Row[] {
  return checks.filter((check) => selection.has(...check.needs)).map((check) => ({
    ...check,
    run: (row) => check.run(row).catch(lostContact),
  }));
}

/** A server that goes away in the middle of a check is a finding, not a bug. */
function lostContact(error: unknown): never {
  if (!(error instanceof Unreachable)) throw error;
  throw new LaunchFailure("proof", {
    what: "A service stopped answering in the middle of the proof",
    cause: error.message,
    next: ["see what runs: deno task monitoring status", "prove it again: deno task monitoring verify"],
  });
}
