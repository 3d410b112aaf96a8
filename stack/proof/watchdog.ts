/** Checks that the alert that always fires has reached Alertmanager: the path of every alert works. */
import * as z from "zod";
import { LaunchFailure } from "../failure.ts";
import { askJson } from "../clients/http.ts";
import type { Progress } from "../checklist.ts";
import { until } from "../wait.ts";
import type { RunningStack } from "../running_stack.ts";

/** A rule is evaluated within an interval, and sent on at once. */
const WATCHDOG_MS = 60_000;

const Alerts = z.array(z.object({ startsAt: z.string(), status: z.object({ state: z.string() }) }));

export async function watchdogFires(stack: RunningStack, { say, signal }: Progress): Promise<string> {
  const { host, endpoints } = stack;
  const url = `${endpoints.of("alertmanager")}/api/v2/alerts?${new URLSearchParams({
    filter: 'alertname="Watchdog"',
  })}`;
  return await until(async () => {
    const [alert] = await askJson(host, url, Alerts);
    return alert
      ? { ready: `Alertmanager has it, ${alert.status.state}` }
      : { pending: "Alertmanager has no alert named Watchdog" };
  }, {
    host,
    deadlineMs: WATCHDOG_MS,
    everyMs: 1_000,
    signal,
    say,
    late: (why) =>
      new LaunchFailure("proof", {
        what: "The Watchdog alert does not reach Alertmanager",
        cause: why,
        next: [
          `does the rule fire? ${endpoints.of("prometheus")}/alerts`,
          { text: "see what alertmanager says", verb: "logs alertmanager" },
        ],
      }),
  });
}
