import * as z from "zod/mini";
import type { Compose } from "../docker/compose.ts";
import type { Drill } from "./drills.ts";

/** The line that api/alerts.ts writes for each alert of a notification. */
const Line = z.object({
  msg: z.literal("alert received"),
  alertname: z.string(),
  severity: z.string(),
  status: z.enum(["firing", "resolved"]),
  drill: z.optional(z.string()),
});

/** Clocks of a virtual machine and its host drift apart. */
const SLACK_MS = 5000;

/** The end of an alert's way: the API, which logs what Alertmanager delivers to it. */
export class Receiver {
  /** @param mark the label `drill` that the alerts carry, when a fast drill's Prometheus sends them */
  constructor(private readonly compose: Compose, private readonly mark: string | undefined) {}

  /** Whether it has been told of an alert since then. */
  async heard(
    { alert, severity }: Pick<Drill, "alert" | "severity">,
    status: "firing" | "resolved",
    since: Date,
  ): Promise<boolean> {
    const lines = await this.compose.logsSince("api", new Date(since.getTime() - SLACK_MS));
    return lines.map(parse).some((line) =>
      line?.alertname === alert && line.severity === severity && line.status === status &&
      line.drill === this.mark
    );
  }
}

function parse(line: string): z.output<typeof Line> | undefined {
  // Most lines are about something else, and there may be thousands.
  if (!line.includes("alert received")) return undefined;
  try {
    return Line.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}
