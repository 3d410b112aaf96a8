/** The receiver of alerts: the API, which logs what Alertmanager delivers. */
import * as z from "zod";
import type { Compose } from "../docker/compose.ts";
import type { Drill } from "./drills.ts";

/** The line that api/alerts.ts writes for each alert of a notification. */
const Line = z.object({
  msg: z.literal("alert received"),
  alertname: z.string(),
  severity: z.string(),
  status: z.enum(["firing", "resolved"]),
  drill: z.string().optional(),
});

/** Clocks of a virtual machine and its host drift apart. */
const SLACK_MS = 5_000;

export type Receiver = ReturnType<typeof createReceiver>;

export interface ReceiverOptions {
  readonly compose: Compose;
  /** The label `drill` of the alerts, if a fast drill's Prometheus sends them. */
  readonly mark: string | undefined;
}

export function createReceiver({ compose, mark }: ReceiverOptions) {
  /** Whether it has received an alert since then. */
  async function heard(
    { alert, severity }: Pick<Drill, "alert" | "severity">,
    status: "firing" | "resolved",
    since: Date,
  ): Promise<boolean> {
    const lines = await compose.logsSince("api", new Date(since.getTime() - SLACK_MS));
    return lines.map(parse).some((line) =>
      line?.alertname === alert && line.severity === severity && line.status === status &&
      line.drill === mark
    );
  }

  return { heard };
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
