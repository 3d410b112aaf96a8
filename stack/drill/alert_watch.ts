/** A drill's alert, in Prometheus and at its receiver. */
import type { Progress } from "../checklist.ts";
import type { AlertingRule, Prometheus } from "../clients/prometheus.ts";
import { LaunchFailure } from "../failure.ts";
import type { Host } from "../host.ts";
import { type Poll, until } from "../wait.ts";
import type { Drill } from "./drills.ts";
import type { Receiver } from "./receiver.ts";

export interface AlertWatchOptions {
  readonly host: Host;
  readonly drill: Drill;
  readonly prometheus: Prometheus;
  readonly receiver: Receiver;
}

export type AlertWatch = ReturnType<typeof createAlertWatch>;

export function createAlertWatch({ host, drill, prometheus, receiver }: AlertWatchOptions) {
  const { name, alert, severity } = drill;

  /** The alert's rule, and its current state. @throws {LaunchFailure} when Prometheus has no such rule */
  async function rule(): Promise<AlertingRule> {
    const found = (await prometheus.alertingRules()).find((r) => r.name === alert && r.severity === severity);
    if (found) return found;
    throw new LaunchFailure("drill", {
      what: `The drill was refused: Prometheus has no alert ${alert} (${severity})`,
      cause: "its rules are from another version",
      next: [
        "check config/prometheus/alerts.yml",
        { text: "then load it by starting the stack again", verb: "" },
      ],
    });
  }

  /** Waits until it is in one of these states. */
  function reached(
    states: readonly AlertingRule["state"][],
    deadlineMs: number,
    progress: Progress,
  ): Promise<string> {
    return poll(deadlineMs, progress, async () => {
      const { state } = await rule();
      return states.includes(state) ? { ready: state } : { pending: `${alert} is ${state}` };
    });
  }

  /** Waits until the receiver has been notified. */
  function delivered(
    status: "firing" | "resolved",
    since: Date,
    deadlineMs: number,
    progress: Progress,
  ): Promise<string> {
    return poll(
      deadlineMs,
      progress,
      async () =>
        await receiver.heard(drill, status, since)
          ? { ready: status }
          : { pending: `the API has not been notified that ${alert} is ${status}` },
    );
  }

  function poll(deadlineMs: number, { say, signal }: Progress, ask: () => Promise<Poll>): Promise<string> {
    const late = (why: string) =>
      new LaunchFailure("drill", {
        what: `The drill ${name} failed`,
        cause: why,
        next: [
          `its rule: ${alert} in config/prometheus/alerts.yml`,
          { text: "see what alertmanager says", verb: "logs alertmanager" },
        ],
      });
    return until(ask, { host, deadlineMs, signal, say, late });
  }

  return { rule, reached, delivered };
}
