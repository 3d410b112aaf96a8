/** Checks that every panel of every dashboard has data, or an explanation. */
import { type Dashboard, LOOK_BACK_MINUTES, type Panel, STEP_SECONDS } from "../dashboards/model.ts";
import { metricsOf } from "../dashboards/promql.ts";
import { LaunchFailure } from "../failure.ts";
import { createLoki } from "../clients/loki.ts";
import { type Reading, readPanel } from "../clients/panel_reading.ts";
import type { Finding, Progress } from "../checklist.ts";
import { createPrometheus, type Prometheus, type Recording } from "../clients/prometheus.ts";
import type { RunningStack } from "../running_stack.ts";
import type { ProofThought } from "./thought.ts";

/** A rate needs two scrapes, 15 s apart, and a rule over it up to 30 s more. */
const FILLED_MS = 75_000;
/** Between two rounds of traffic. */
const TRAFFIC_MS = 3_000;
/** Scrapes of every target after which waiting brings no new series. */
const SCRAPES_THAT_TELL = 4;
/** Rules evaluated less often than this are not awaited. */
const SLOW_RULE_SECONDS = 60;

interface Shown {
  readonly panel: Panel;
  /** "API Metrics: Error rate" */
  readonly where: string;
}

/** Why a panel is empty. */
interface Reason {
  readonly why: string;
  /** Whether the panel is expected to be empty. */
  readonly explained: boolean;
  /** Whether some traffic and another scrape may fill it. */
  readonly mayCome: boolean;
}

/** Runs every panel's queries, with some traffic to draw, and explains each empty one. */
export async function panelsFilled(
  stack: RunningStack,
  dashboards: readonly Dashboard[],
  thought: ProofThought,
  { say, signal }: Progress,
): Promise<Finding> {
  const { host, endpoints } = stack;
  const prometheus = createPrometheus({ host, url: endpoints.of("prometheus") });
  const shown = dashboards.flatMap(({ title, panels }) =>
    panels.map((panel) => ({ panel: withMeasurements(panel), where: `${title}: ${panel.title}` }))
  ).filter(({ panel }) => panel.queries.length > 0);
  if (shown.length === 0) throw noPanels();

  const end = host.now() + FILLED_MS;
  let empty: readonly Shown[] = shown;
  while (true) {
    const readings = await readAll(stack, empty, signal);
    empty = empty.filter((e) => readings.get(e) !== "data");
    const text = `${shown.length - empty.length} of ${shown.length} have data`;
    if (empty.length === 0) return { text };
    const reasons = await Promise.all(
      empty.map((e) => reasonFor(e.panel, readings.get(e)!, stack, prometheus)),
    );
    const notes = byReason(empty.map((e, i) => [e.where, reasons[i]!.why]));
    if (!reasons.some((r) => r.mayCome) || host.now() + TRAFFIC_MS > end) {
      const wrong = reasons.findIndex((r) => !r.explained);
      if (wrong === -1) return { text, notes };
      throw unexplained(
        empty[wrong]!.where,
        reasons[wrong]!.why,
        [text, ...notes],
        endpoints.of("prometheus"),
      );
    }
    say(`${text}, making traffic for the others`);
    await thought.sendTraffic();
    await host.sleep(TRAFFIC_MS, signal);
  }
}

/** Without its searches for traces, which are another check's task. */
function withMeasurements(panel: Panel): Panel {
  const queries = panel.queries.filter(({ language }) => language === "promql" || language === "logql");
  return { ...panel, queries };
}

/** One line for each reason, with its panels. */
function byReason(panels: readonly (readonly [where: string, why: string])[]): string[] {
  const reasons = Map.groupBy(panels, ([, why]) => why);
  return [...reasons].map(([why, those]) =>
    `${why}: ${[...new Set(those.map(([where]) => where))].join(", ")}`
  );
}

/** A few at a time: Grafana and Prometheus are small here. */
async function readAll(
  stack: RunningStack,
  panels: readonly Shown[],
  signal: AbortSignal,
): Promise<Map<Shown, Reading>> {
  const readings = new Map<Shown, Reading>();
  const waiting = [...panels];
  const worker = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      signal.throwIfAborted();
      readings.set(next, await readPanel(stack, next.panel));
    }
  };
  await Promise.all(Array.from({ length: 6 }, worker));
  return readings;
}

async function reasonFor(
  panel: Panel,
  reading: Reading,
  stack: RunningStack,
  prometheus: Prometheus,
): Promise<Reason> {
  const { leftOut } = stack.selection;
  for (const { source, expr } of panel.queries) {
    const metrics = metricsOf(expr);
    const gone = leftOut.find((s) =>
      s.name === source || (source === "loki" && s.name === "promtail") ||
      metrics.some((m) => s.metrics?.some((p) => m.startsWith(p)))
    );
    if (gone) {
      const why = `needs ${gone.name}, which ${stack.howToGive ? "is not there" : "was left out"}`;
      return { why, explained: true, mayCome: false };
    }
  }
  const more = !await scrapedOften(prometheus);
  if (reading === "nan") {
    return { why: "nothing to measure yet, only 0 of 0", explained: true, mayCome: true };
  }
  const recordings = await prometheus.recordings();
  for (const { source, expr } of panel.queries) {
    if (source === "loki" && isFiltered(expr) && await hasLines(stack, expr)) {
      return { why: "no line like that", explained: true, mayCome: false };
    }
    if (source !== "prometheus") {
      return { why: `${source} has nothing for ${expr}`, explained: false, mayCome: more };
    }
    for (const metric of metricsOf(expr)) {
      if (await prometheus.seriesOf(metric) > 0) continue;
      const recording = recordings.get(metric);
      if (recording) return recorded(metric, recording);
      return { why: `no series is named ${metric}`, explained: false, mayCome: more };
    }
  }
  return { why: "its series exist, none matches now", explained: true, mayCome: more };
}

/** Whether a LogQL query picks among the lines of its streams; that none is among them may be good news. */
function isFiltered(logql: string): boolean {
  return streamsOf(logql) !== logql.trim();
}

async function hasLines({ host, endpoints }: RunningStack, logql: string): Promise<boolean> {
  const loki = createLoki({ host, url: endpoints.of("loki") });
  return (await loki.range(streamsOf(logql), LOOK_BACK_MINUTES, STEP_SECONDS)).length > 0;
}

/** The selector of a LogQL query's streams, `{…}`. */
function streamsOf(logql: string): string {
  return /\{(?:[^}"]|"(?:[^"\\]|\\.)*")*\}/.exec(logql)?.[0] ?? logql;
}

function recorded(metric: string, { intervalSeconds, error }: Recording): Reason {
  if (error) return { why: `the rule for ${metric} fails: ${error}`, explained: false, mayCome: false };
  const why = `recorded every ${intervalSeconds} s, no sample yet`;
  return { why, explained: true, mayCome: intervalSeconds < SLOW_RULE_SECONDS };
}

/** Whether waiting for another scrape is useless. */
async function scrapedOften(prometheus: Prometheus): Promise<boolean> {
  const [least = 0] = await prometheus.instant("min(count_over_time(up[5m]))");
  return least >= SCRAPES_THAT_TELL;
}

function noPanels(): LaunchFailure {
  return new LaunchFailure("proof", {
    what: "There are no panels to check",
    cause: "config/grafana/dashboards has no dashboard",
    next: [{ text: "write them", task: "dashboards" }],
  });
}

function unexplained(where: string, why: string, evidence: string[], prometheus: string): LaunchFailure {
  return new LaunchFailure("proof", {
    what: `A panel has no data: ${where}`,
    cause: why,
    next: [
      `run the query yourself: ${prometheus}/graph`,
      { text: "check its exporter", verb: "status" },
    ],
    evidence,
  });
}
