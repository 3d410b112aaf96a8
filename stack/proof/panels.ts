import {
  type Dashboard,
  LOOK_BACK_MINUTES,
  metricsOf,
  type Panel,
  type Query,
  STEP_SECONDS,
} from "../dashboard_file.ts";
import { LaunchFailure } from "../failure.ts";
import { Grafana } from "../grafana.ts";
import { Unreachable } from "../http.ts";
import { Loki } from "../loki.ts";
import type { Finding, RunningRow } from "../phase.ts";
import { Prometheus } from "../prometheus.ts";
import type { Proven } from "./context.ts";
import type { ProofThought } from "./thought.ts";

/** A rate needs two scrapes with traffic before each: three intervals of 15 s. */
const FILLED_MS = 60_000;
const PULSE_MS = 3000;
/** Scrapes of every target after which more waiting brings no new series. */
const SCRAPES_THAT_TELL = 4;

/** What a query brought: samples, only samples without a number (0 of 0), or nothing at all. */
type Reading = "data" | "nan" | "none";

interface Empty {
  panel: Panel;
  where: string;
  reading: Reading;
}

/** Runs every panel's queries, with some traffic to draw, and says of each empty one why. */
export async function panelsFilled(
  proven: Proven,
  dashboards: readonly Dashboard[],
  thought: ProofThought,
  { say, signal }: RunningRow,
): Promise<Finding> {
  const { host, endpoints } = proven;
  const prometheus = new Prometheus(host, endpoints.of("prometheus"));
  const panels = dashboards.flatMap((d) =>
    d.panels.map((panel) => ({ panel, where: `${d.title}: ${panel.title}` }))
  );
  const shown = panels.filter(({ panel }) => panel.queries.length > 0);
  if (shown.length === 0) {
    throw new LaunchFailure("proof", {
      what: "There are no panels to look at",
      cause: "config/grafana/dashboards has no dashboard",
      next: ["write them: deno task dashboards"],
    });
  }
  const end = host.now() + FILLED_MS;
  while (true) {
    const empty: Empty[] = [];
    for (const { panel, where } of shown) {
      signal.throwIfAborted();
      const reading = await readPanel(proven, panel);
      if (reading !== "data") empty.push({ panel, where, reading });
    }
    const text = `${shown.length - empty.length} of ${shown.length} panels have data`;
    if (empty.length === 0) return { text };
    const settled = empty.every((e) => e.reading === "none") && await scrapedOften(prometheus);
    if (settled || host.now() + PULSE_MS > end) return await judge(text, empty, proven, prometheus);
    say(`${text}, drawing more`);
    await thought.pulse();
    await host.sleep(PULSE_MS, signal);
  }
}

/** Whether waiting for another scrape is in vain. */
async function scrapedOften(prometheus: Prometheus): Promise<boolean> {
  const [least = 0] = await prometheus.instant("min(count_over_time(up[5m]))");
  return least >= SCRAPES_THAT_TELL;
}

async function readPanel(proven: Proven, panel: Panel): Promise<Reading> {
  let best: Reading = "none";
  for (const query of panel.queries) {
    const reading = await readQuery(proven, query);
    if (reading === "data") return "data";
    if (reading === "nan") best = "nan";
  }
  return best;
}

/** Through Grafana, as the panel itself does; when Grafana is left out, from the source directly. */
async function readQuery(
  { host, endpoints, selection, grafanaLogin }: Proven,
  query: Query,
): Promise<Reading> {
  try {
    if (selection.has("grafana")) {
      const grafana = new Grafana(host, endpoints.of("grafana"), grafanaLogin);
      const [, ...columns] = await grafana.query(query, LOOK_BACK_MINUTES);
      return reading(columns.flat());
    }
    if (query.source === "loki" && selection.has("loki")) {
      const loki = new Loki(host, endpoints.of("loki"));
      return reading(await loki.range(query.expr, LOOK_BACK_MINUTES, STEP_SECONDS));
    }
    if (query.source === "prometheus") {
      const prometheus = new Prometheus(host, endpoints.of("prometheus"));
      return reading(await prometheus.range(query.expr, LOOK_BACK_MINUTES, STEP_SECONDS));
    }
    return "none";
  } catch (error) {
    if (error instanceof Unreachable) return "none";
    throw error;
  }
}

function reading(values: readonly unknown[]): Reading {
  if (values.length === 0) return "none";
  return values.some((v) => typeof v === "string" || (typeof v === "number" && Number.isFinite(v)))
    ? "data"
    : "nan";
}

async function judge(
  text: string,
  empty: readonly Empty[],
  proven: Proven,
  prometheus: Prometheus,
): Promise<Finding> {
  const reasons = await Promise.all(empty.map((e) => reasonFor(e, proven, prometheus)));
  const lines = empty.map((e, i) => `${e.where}: ${reasons[i]!.why}`);
  const wrong = reasons.findIndex((r) => !r.explained);
  if (wrong === -1) return { text, notes: lines };
  throw new LaunchFailure("proof", {
    what: `A panel has no data: ${empty[wrong]!.where}`,
    cause: reasons[wrong]!.why,
    next: [`ask Prometheus yourself: ${proven.endpoints.of("prometheus")}/graph`, "or see its service's log"],
    evidence: [text, ...lines],
  });
}

/** Why a panel is empty, and whether that is as it should be. */
async function reasonFor(
  { panel, reading }: Empty,
  { selection }: Proven,
  prometheus: Prometheus,
): Promise<{ why: string; explained: boolean }> {
  if (reading === "nan") {
    return { why: "nothing to measure yet, all its samples are 0 of 0", explained: true };
  }
  for (const { source, expr } of panel.queries) {
    const leftOut = selection.leftOut.find((s) =>
      s.name === source ||
      metricsOf(expr).some((metric) => s.metrics?.some((start) => metric.startsWith(start)))
    );
    if (leftOut) return { why: `needs ${leftOut.name}, which was left out`, explained: true };
    if (source !== "prometheus") {
      return { why: `${source} has nothing for ${expr}`, explained: source !== "loki" };
    }
    for (const metric of metricsOf(expr)) {
      if (await prometheus.seriesOf(metric) === 0) {
        return { why: `no series is named ${metric}`, explained: false };
      }
    }
  }
  return { why: "its series are there, none matches now", explained: true };
}
