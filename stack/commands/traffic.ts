/** Makes lifelike traffic, so that the dashboards move while a person looks at them. */
import { type Progress, runChecklist } from "../checklist.ts";
import { type Context, observe } from "../context.ts";
import { createReport, type Report } from "../output/report.ts";
import { createTraffic, type TrafficTally } from "../traffic/traffic.ts";

export async function traffic(context: Context): Promise<Report> {
  const { host, view, options } = context;
  const { perSecond, forMs, mix } = options.traffic;
  const { endpoints } = await observe(context);
  const made = createTraffic({ host, url: endpoints.of("api"), perSecond, mix });
  const checks = [{
    name: "requests",
    run: async ({ say, signal }: Progress) => {
      await made.run(forMs, signal, (tally) => say(tallyText(tally)));
      return tallyText(made.tally());
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
