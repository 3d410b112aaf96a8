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
  /** The same in all lines of a notification. */
  notification: z.string().optional(),
  starts_at: z.string().optional(),
  drill: z.string().optional(),
});

/** The others ask nothing of anyone: for information, and the Watchdog. */
const PAGES = ["critical", "warning"];

/** Clocks of a virtual machine and its host drift apart. */
const SLACK_MS = 5_000;

export type Receiver = ReturnType<typeof createReceiver>;

/** The names of the alerts that arrived together, each once. */
export type Notification = readonly string[];

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
    return (await received(since)).some((line) =>
      line.alertname === alert && line.severity === severity && line.status === status
    );
  }

  /** Notifications of warnings and critical alerts that began to fire since then, in their order. */
  async function notifications(since: Date): Promise<Notification[]> {
    const earliest = since.getTime() - SLACK_MS;
    const fired = (await received(since)).filter(({ status, severity, starts_at }) =>
      status === "firing" && PAGES.includes(severity) && Date.parse(starts_at ?? "") >= earliest
    );
    const together = Map.groupBy(fired, ({ notification }) => notification);
    return [...together.values()].map((lines) => [...new Set(lines.map(({ alertname }) => alertname))]);
  }

  async function received(since: Date): Promise<z.output<typeof Line>[]> {
    const lines = await compose.logsSince("api", new Date(since.getTime() - SLACK_MS));
    return lines.flatMap((line) => parse(line) ?? []).filter(({ drill }) => drill === mark);
  }

  return { heard, notifications };
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
