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

/** Whether the monitoring sees the stack; `up` waits for these with and without the proof. */
export function readinessChecks(stack: RunningStack, dashboards: readonly Dashboard[]): Check[] {
  return select(stack, readiness(stack, dashboards));
}

/** The whole proof: readiness, and one thought followed through every part. */
export function proofChecks(
  stack: RunningStack,
  dashboards: readonly Dashboard[],
  thought: ProofThought,
): Check[] {
  const after = ["completed"];
  return select(stack, [
    ...readiness(stack, dashboards),
    { name: "accepted", needs: ["api"], run: () => thought.accepted() },
    {
      name: "completed",
      needs: ["kafka-worker"],
      after: ["accepted"],
      run: (progress) => thought.completed(progress),
    },
    {
      name: "counted",
      needs: [stack.counter ? "prometheus" : "kafka-worker"],
      after,
      run: (progress) => thought.counted(progress),
    },
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
  ]);
}

function readiness(stack: RunningStack, dashboards: readonly Dashboard[]): ProofCheck[] {
  return [
    { name: "targets", needs: ["prometheus"], run: (progress) => targetsUp(stack, progress) },
    { name: "data sources", needs: ["grafana"], run: (progress) => sourcesReachable(stack, progress) },
    {
      name: "dashboards",
      needs: ["grafana"],
      after: ["data sources"],
      run: (progress) => dashboardsLoaded(stack, dashboards, progress),
    },
  ];
}

/**
 * The checks that the wanted services allow. Where the others were not left out on purpose, what cannot be
 * checked is said, and holds up nothing.
 */
function select({ selection, howToGive }: RunningStack, checks: readonly ProofCheck[]): Check[] {
  const made = checks.filter((check) => selection.has(...check.needs)).map(({ name }) => name);
  return checks.flatMap((check): Check[] => {
    if (made.includes(check.name)) {
      const after = check.after?.filter((name) => made.includes(name)) ?? [];
      return [{ name: check.name, after, run: (progress) => check.run(progress).catch(lostContact) }];
    }
    if (!howToGive) return [];
    const absent = check.needs.find((name) => !selection.has(name))!;
    const text = `not checked: ${howToGive(absent)} is not given`;
    return [{ name: check.name, run: () => Promise.resolve({ skipped: true, text }) }];
  });
}

/** A server that stops during a check is a failure of the stack, not a bug. */
function lostContact(error: unknown): never {
  if (!(error instanceof Unreachable)) throw error;
  throw new LaunchFailure("proof", {
    what: "A service stopped responding during the proof",
    cause: error.message,
    next: [{ text: "see what is running", verb: "status" }, { text: "prove it again", verb: "verify" }],
  });
}
