/** What a panel shows now. */
import { LOOK_BACK_MINUTES, type Panel, type Query, STEP_SECONDS } from "../dashboards/model.ts";
import { createGrafana } from "./grafana.ts";
import { Unreachable } from "./http.ts";
import { createLoki } from "./loki.ts";
import { createPrometheus } from "./prometheus.ts";
import type { RunningStack } from "../running_stack.ts";

/** What a panel's queries return: samples, only samples without a number (0 of 0), or nothing at all. */
export type Reading = "data" | "nan" | "none";

/** The best result of any of the panel's queries. */
export async function readPanel(stack: RunningStack, panel: Panel): Promise<Reading> {
  const readings = await Promise.all(panel.queries.map((query) => readQuery(stack, query)));
  return readings.find((r) => r === "data") ?? readings.find((r) => r === "nan") ?? "none";
}

async function readQuery(stack: RunningStack, query: Query): Promise<Reading> {
  try {
    return judge(await values(stack, query));
  } catch (error) {
    if (error instanceof Unreachable) return "none";
    throw error;
  }
}

/** Through Grafana, as the panel itself does; without Grafana, from the source directly. */
async function values(stack: RunningStack, query: Query): Promise<readonly unknown[]> {
  const { source, expr, instant } = query;
  const { host, endpoints, selection, grafanaLogin } = stack;
  if (selection.has("grafana")) {
    const grafana = createGrafana({ host, url: endpoints.of("grafana"), login: grafanaLogin });
    const [, ...columns] = await grafana.run(query, LOOK_BACK_MINUTES);
    return columns.flat();
  }
  if (source === "loki" && selection.has("loki")) {
    return await createLoki({ host, url: endpoints.of("loki") }).range(expr, LOOK_BACK_MINUTES, STEP_SECONDS);
  }
  if (source !== "prometheus") return [];
  const prometheus = createPrometheus({ host, url: endpoints.of("prometheus") });
  return instant ? prometheus.instant(expr) : prometheus.range(expr, LOOK_BACK_MINUTES, STEP_SECONDS);
}

function judge(values: readonly unknown[]): Reading {
  if (values.length === 0) return "none";
  return values.some((v) => typeof v === "string" || (typeof v === "number" && Number.isFinite(v)))
    ? "data"
    : "nan";
}
