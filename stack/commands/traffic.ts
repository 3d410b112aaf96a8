/** Makes lifelike traffic, to make the dashboards move while a person watches. */
import { type Progress, runChecklist } from "../checklist.ts";
import { type Context, observe } from "../context.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";
import { createTraffic, type TrafficTally } from "../traffic/traffic.ts";

export async function traffic(context: Context): Promise<Report> {
  const { host, view, options } = context;
  const { perSecond, forMs, mix } = options.traffic;
  const { endpoints, apiKey: key } = await observe(context);
  const made = createTraffic({ host, url: endpoints.of("api"), key, perSecond, mix });
  const checks = [{
    name: "requests",
    run: async ({ say, signal }: Progress) => {
      await made.run(forMs, signal, (tally) => say(tallyText(tally)));
      const tally = made.tally();
      if (!tally.responses["2xx"]) {
        throw new LaunchFailure("proof", {
          what: "No request succeeded",
          cause: tallyText(tally),
          next: [{ text: "see the API's log", verb: "logs api" }],
        });
      }
      return tallyText(tally);
    },
  }];
  try {
    return createReport(context, {
      checklists: [await runChecklist(host, view, { name: "traffic", checks })],
      traffic: made.tally(),
    });
  } finally {
    await made.forget();
  }
}

function tallyText({ sent, responses }: TrafficTally): string {
  const parts = Object.entries(responses).sort().map(([status, count]) => `${count} ${status}`);
  return `${sent} sent: ${parts.join(", ") || "waiting for the first response"}`;
}
