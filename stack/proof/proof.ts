/** The checks that prove the stack. */
import type { Dashboard } from "../dashboards/model.ts";
import { LaunchFailure } from "../failure.ts";
import { Unreachable } from "../clients/http.ts";
import type { Check } from "../checklist.ts";
import type { RunningStack } from "../running_stack.ts";
import { dashboardsLoaded, sourcesReachable } from "./grafana.ts";
import { logged } from "./logs.ts";
import { panelsFilled } from "./panels.ts";
import { targetsUp } from "./targets.ts";
import type { ProofThought } from "./thought.ts";
import { traced } from "./trace.ts";
import { watchdogFires } from "./watchdog.ts";
import type { ServiceName } from "../services.ts";

interface ProofCheck extends Check {
  /** Services without which there is nothing to check. */
  readonly needs: readonly ServiceName[];
}

/** The monitoring sees the stack; `up` waits for these with and without the proof. */
export function readinessChecks(stack: RunningStack, dashboards: readonly Dashboard[]): Check[] {
  return select(stack, [
    { name: "targets", needs: ["prometheus"], run: (progress) => targetsUp(stack, progress) },
    { name: "data sources", needs: ["grafana"], run: (progress) => sourcesReachable(stack, progress) },
    {
      name: "dashboards",
      needs: ["grafana"],
      after: ["data sources"],
      run: (progress) => dashboardsLoaded(stack, dashboards, progress),
    },
  ]);
}

/** The whole proof: readiness, and one thought followed through every part. */
export function proofChecks(
  stack: RunningStack,
  dashboards: readonly Dashboard[],
  thought: ProofThought,
): Check[] {
  const after = ["completed"];
  return [
    ...readinessChecks(stack, dashboards),
    ...select(stack, [
      { name: "accepted", needs: ["api"], run: () => thought.accepted() },
      {
        name: "completed",
        needs: ["kafka-worker"],
        after: ["accepted"],
        run: (progress) => thought.completed(progress),
      },
      { name: "counted", needs: ["kafka-worker"], after, run: (progress) => thought.counted(progress) },
      { name: "traced", needs: ["tempo"], after, run: (progress) => traced(stack, thought, progress) },
      {
        name: "logged",
        needs: ["loki", "promtail"],
        after,
        run: (progress) => logged(stack, thought, progress),
      },
      {
        name: "panels",
        needs: ["prometheus"],
        after: ["targets", "dashboards", ...after],
        run: (progress) => panelsFilled(stack, dashboards, thought, progress),
      },
      {
        name: "watchdog",
        needs: ["prometheus", "alertmanager"],
        run: (progress) => watchdogFires(stack, progress),
      },
    ]),
  ];
}

/** The checks that can be made with the services that are wanted. */
function select({ selection }: RunningStack, checks: readonly ProofCheck[]): Check[] {
  return checks.filter((check) => selection.has(...check.needs)).map((check) => ({
    ...check,
    run: (progress) => check.run(progress).catch(lostContact),
  }));
}

/** A server that goes away during a check is a failure of the stack, not a bug. */
function lostContact(error: unknown): never {
  if (!(error instanceof Unreachable)) throw error;
  throw new LaunchFailure("proof", {
    what: "A service stopped responding during the proof",
    cause: error.message,
    next: [{ text: "see what is running", verb: "status" }, { text: "prove it again", verb: "verify" }],
  });
}
