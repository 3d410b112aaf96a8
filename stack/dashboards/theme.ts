/**
 * The theme of every dashboard, fixed once: colours and what they mean, units, and the links that each dashboard
 * carries. A dashboard's own file only says what to show.
 */
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  FieldColorBuilder,
  FieldColorModeId,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DASHBOARDS, type Uid } from "./boards.ts";
import { BURN_RATES, type ThresholdName, THRESHOLDS } from "../../core/telemetry/thresholds.ts";

export const SOURCES = {
  prometheus: { type: "prometheus", uid: "prometheus" },
  loki: { type: "loki", uid: "loki" },
  tempo: { type: "tempo", uid: "tempo" },
} as const;

/** Grafana's grid is this many columns wide. */
export const WIDTH = 24;

const GOOD = "green";
const WARN = "orange";
const CRITICAL = "red";
/** For panels whose value is neither good nor bad. */
const NEUTRAL = "blue";

/** Grafana's names of the units that occur here. */
export type Unit =
  | "bytes/s"
  | "bytes"
  | "count"
  | "whole"
  | "per second"
  | "percent"
  | "ratio"
  | "seconds"
  | "usd";
export const UNITS: Record<Unit, string> = {
  "bytes/s": "Bps",
  "bytes": "decbytes",
  "count": "short",
  "whole": "locale",
  "per second": "ops",
  "percent": "percent",
  "ratio": "percentunit",
  "seconds": "s",
  "usd": "currencyUSD",
};

const TAG = "thought-processor";

/** An empty dashboard with the theme, its own title and the links to the others and to Explore. */
export function dashboard(uid: Uid, description: string, logs: string): DashboardBuilder {
  return new DashboardBuilder(DASHBOARDS[uid].title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .timezone("browser")
    .refresh("10s")
    .time({ from: "now-30m", to: "now" })
    .tooltip(DashboardCursorSync.Crosshair)
    .link(
      new DashboardLinkBuilder("Dashboards")
        .type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true),
    )
    .link(
      new DashboardLinkBuilder("Logs in Explore")
        .type(DashboardLinkType.Link).icon("doc").url(exploreUrl(logs)).targetBlank(true),
    );
}

/** A link into Explore with a Loki query over the last hour. */
export function exploreUrl(logql: string): string {
  const pane = {
    datasource: SOURCES.loki.uid,
    queries: [{ refId: "A", datasource: SOURCES.loki, expr: logql }],
    range: { from: "now-1h", to: "now" },
  };
  return `/explore?schemaVersion=1&panes=${encodeURIComponent(JSON.stringify({ tp: pane }))}`;
}

/** A heading that opens and closes the panels below it. */
export function section(title: string): RowBuilder {
  return new RowBuilder(title);
}

/** A choice among a label's values, all of them by default. */
export function variable(name: string, label: string, metric: string): QueryVariableBuilder {
  const query = `label_values(${metric}, ${name})`;
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCES.prometheus)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue(".*")
    .current({ selected: true, text: "All", value: "$__all" });
}

/** Colour steps of a named threshold; without one, one neutral colour. */
export function steps(name?: ThresholdName): ThresholdsConfigBuilder {
  const config = new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute);
  if (name === undefined) return config.steps([{ value: null, color: NEUTRAL }]);
  const { bad, warn, critical } = { critical: undefined, ...THRESHOLDS[name] };
  if (bad === "above") {
    // A step begins at its value, but "more than 0" must not colour 0 itself.
    const from = (limit: number) => limit === 0 ? Number.EPSILON : limit;
    const red = critical === undefined ? [] : [{ value: critical, color: CRITICAL }];
    return config.steps([{ value: null, color: GOOD }, { value: from(warn), color: WARN }, ...red]);
  }
  const lowest = critical === undefined ? [{ value: null, color: WARN }] : [
    { value: null, color: CRITICAL },
    { value: critical, color: WARN },
  ];
  return config.steps([...lowest, { value: warn, color: GOOD }]);
}

/** Of a burn rate: above 1 the budget will not last, above the fastest factor somebody is called. */
export function burnSteps(): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: GOOD }, { value: 1, color: WARN }, {
      value: BURN_RATES[0].rate,
      color: CRITICAL,
    }]);
}

/** Green from a value on, red below it: for things that are up or down. */
export function upFrom(value: number): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: CRITICAL }, { value, color: GOOD }]);
}

export function byThreshold(): FieldColorBuilder {
  return new FieldColorBuilder().mode(FieldColorModeId.Thresholds);
}

export function lastValue(): common.ReduceDataOptionsBuilder {
  return new common.ReduceDataOptionsBuilder().calcs(["lastNotNull"]).fields("").values(false);
}

/**
 * The JSON that Grafana's file provider reads: stable, with a newline at its end. Panels are numbered in their order, so
 * that a link to one panel stays good.
 */
export function toJson(built: Dashboard): string {
  const panels = built.panels?.map((panel, i) => ({ id: i + 1, ...panel }));
  return JSON.stringify({ ...built, panels, editable: false }, null, 2) + "\n";
}
