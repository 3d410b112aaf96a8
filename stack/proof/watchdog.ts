import * as z from "zod/mini";
import { LaunchFailure } from "../failure.ts";
import { askJson } from "../clients/http.ts";
import type { RunningRow } from "../checklist.ts";
import { until } from "../wait.ts";
import type { Proven } from "./context.ts";

/** A rule is evaluated within an interval, and sent on at once. */
const WATCHDOG_MS = 60_000;

const Alerts = z.array(z.object({ startsAt: z.string(), status: z.object({ state: z.string() }) }));

/** The alert that always fires has reached Alertmanager: the way an alert takes is open. */
export async function watchdogFires(proven: Proven, { say, signal }: RunningRow): Promise<string> {
  const { host, endpoints } = proven;
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
    everyMs: 1000,
    signal,
    say,
    late: (why) =>
      new LaunchFailure("proof", {
        what: "The Watchdog alert does not reach Alertmanager",
        cause: why,
        next: [
          `does the rule fire? ${endpoints.of("prometheus")}/alerts`,
          "see what alertmanager says: deno task monitoring logs alertmanager",
        ],
      }),
  });
}
