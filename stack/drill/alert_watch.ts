import { LaunchFailure } from "../failure.ts";
import type { Host } from "../host.ts";
import type { RunningRow } from "../checklist.ts";
import type { AlertingRule, Prometheus } from "../clients/prometheus.ts";
import { until } from "../wait.ts";
import type { Drill } from "./drills.ts";
import type { Receiver } from "./receiver.ts";

/** A drill's alert, at Prometheus and at its receiver. */
export class AlertWatch {
  constructor(
    private readonly host: Host,
    private readonly drill: Drill,
    private readonly prometheus: Prometheus,
    private readonly receiver: Receiver,
  ) {}

  /** The alert's rule, and its state now. @throws {LaunchFailure} when Prometheus has no such rule */
  async look(): Promise<AlertingRule> {
    const { alert, severity } = this.drill;
    const rules = await this.prometheus.alertingRules();
    const rule = rules.find((r) => r.name === alert && r.severity === severity);
    if (rule) return rule;
    throw new LaunchFailure("drill", {
      what: `No drill now: Prometheus has no alert ${alert} (${severity})`,
      cause: "its rules are not those of this version",
      next: ["look at config/prometheus/alerts.yml, then: deno task monitoring"],
    });
  }

  /** Waits until it is in one of these states. */
  reach(states: readonly AlertingRule["state"][], deadlineMs: number, row: RunningRow): Promise<void> {
    return this.#until(deadlineMs, row, async () => {
      const { state } = await this.look();
      return states.includes(state) || `${this.drill.alert} is ${state}`;
    });
  }

  /** Waits until the receiver has been told that it is so. */
  heard(status: "firing" | "resolved", since: Date, deadlineMs: number, row: RunningRow): Promise<void> {
    return this.#until(deadlineMs, row, async () =>
      await this.receiver.heard(this.drill, status, since) ||
      `the API has not been told that ${this.drill.alert} is ${status}`);
  }

  /** @param ask answers true, or why it is not so yet */
  async #until(
    deadlineMs: number,
    { say, signal }: RunningRow,
    ask: () => Promise<string | true>,
  ): Promise<void> {
    await until(async () => {
      const answer = await ask();
      return answer === true ? { ready: "" } : { pending: answer };
    }, { host: this.host, deadlineMs, signal, say, late: (why) => notAsItMust(this.drill, why) });
  }
}

function notAsItMust({ name, alert }: Drill, why: string): LaunchFailure {
  return new LaunchFailure("drill", {
    what: `The drill ${name} did not go as it must`,
    cause: why,
    next: [
      `its rule: ${alert} in config/prometheus/alerts.yml`,
      "see what alertmanager says: deno task monitoring logs alertmanager",
    ],
  });
}
