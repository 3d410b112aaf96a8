/**
 * The theme of every dashboard, fixed once: colours and what they mean, units, and the links that each
 * dashboard carries. A dashboard's own file only says what to show.
 */
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  AnnotationQueryBuilder,
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  DashboardLinkBuilder,
  DashboardLinkType,
  DatasourceVariableBuilder,
  FieldColorBuilder,
  FieldColorModeId,
  QueryVariableBuilder,
  RowBuilder,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  VariableHide,
  VariableRefresh,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DASHBOARDS, type Uid } from "./boards.ts";
import { BURN_RATES, OBJECTIVES, type ThresholdName, THRESHOLDS } from "../../core/telemetry/thresholds.ts";

/**
 * Data sources, each by a variable: with several Prometheus a person picks one, and where a cluster's has another uid than
 * ours, Grafana takes the first of its type.
 */
export const SOURCES = {
  prometheus: { type: "prometheus", uid: "${prometheus_datasource}" },
  loki: { type: "loki", uid: "${loki_datasource}" },
  tempo: { type: "tempo", uid: "${tempo_datasource}" },
} as const;

/** Their uids in this stack. */
export const UIDS = { prometheus: "prometheus", loki: "loki", tempo: "tempo" } as const;

/** Grafana's grid is this many columns wide. */
export const WIDTH = 24;

/** Okabe and Ito's palette, which the colour-blind can tell apart too. */
export const COLOURS = {
  blue: "#0072B2",
  sky: "#56B4E9",
  green: "#009E73",
  yellow: "#F0E442",
  orange: "#E69F00",
  vermillion: "#D55E00",
  purple: "#CC79A7",
  grey: "#999999",
} as const;
const GOOD = COLOURS.green;
const WARN = COLOURS.orange;
const CRITICAL = COLOURS.vermillion;
/** For panels whose value is neither good nor bad. */
const NEUTRAL = COLOURS.blue;

/** The same quantile has the same colour everywhere. */
export const QUANTILES = { p50: COLOURS.sky, p95: COLOURS.blue, p99: COLOURS.purple } as const;

/** Statuses by their class. */
export const STATUSES = {
  "/^2/": COLOURS.green,
  "/^3/": COLOURS.sky,
  "/^4/": COLOURS.yellow,
  "/^5/": COLOURS.vermillion,
} as const;

/** Alerts by their label `severity`. */
export const SEVERITIES = {
  "critical": CRITICAL,
  "warning": WARN,
  "info": COLOURS.sky,
  "none": COLOURS.grey,
} as const;

/** Objectives by their label `slo`. None of these colours means good or bad. */
export const OBJECTIVE_COLOURS: Readonly<Record<string, string>> = Object.fromEntries(
  Object.keys(OBJECTIVES).map((slo, i) => [
    `/^${slo}/`,
    [COLOURS.sky, COLOURS.blue, COLOURS.purple, COLOURS.yellow, COLOURS.grey][i % 5]!,
  ]),
);

/** Grafana's names of the units used here. */
export type Unit =
  | "bytes/s"
  | "bytes"
  | "count"
  | "whole"
  | "per second"
  | "requests/s"
  | "cores"
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
  "requests/s": "reqps",
  "cores": "suffix: cores",
  "percent": "percent",
  "ratio": "percentunit",
  "seconds": "s",
  "usd": "currencyUSD",
};

const TAG = "thought-processor";

export interface RangeOptions {
  /** @default "now-30m" */
  readonly from?: string;
  /** Not more often than Prometheus scrapes. @default "15s" */
  readonly refresh?: string;
  /** Events, drawn over every graph. @default restarts, deployments and critical alerts of ours */
  readonly events?: Readonly<Record<string, Event>>;
}

export interface Event {
  readonly expr: string;
  /** May hold `{{label}}`. */
  readonly title: string;
  readonly colour: string;
}

const EVENTS: Readonly<Record<string, Event>> = {
  "Restarts": {
    expr: 'changes(process_start_time_seconds{job=~"thoughtprocessor-api|kafka-worker"}[1m]) > 0',
    title: "{{job}} {{instance}} restarted",
    colour: COLOURS.grey,
  },
  "Deployments": {
    expr:
      "count by (service, version) (app_build_info) unless count by (service, version) (app_build_info offset 1m)",
    title: "{{service}} {{version}}",
    colour: COLOURS.sky,
  },
  "Critical alerts": {
    expr: 'max by (alertname) (ALERTS{alertstate="firing", severity="critical"})',
    title: "{{alertname}}",
    colour: CRITICAL,
  },
};

/** An empty dashboard of ours with the theme, its own title and the links to the others and to Explore. */
export function dashboard(
  uid: Uid,
  description: string,
  logs: string,
  options?: RangeOptions,
): DashboardBuilder {
  return emptyDashboard({ uid, title: DASHBOARDS[uid].title, description, logs }, options);
}

export interface Board {
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  /** LogQL, for the link to Explore. */
  readonly logs: string;
}

/** An empty dashboard of any service, with the theme and the links. */
export function emptyDashboard(
  { uid, title, description, logs }: Board,
  { from = "now-30m", refresh = "15s", events = EVENTS }: RangeOptions = {},
): DashboardBuilder {
  const built = new DashboardBuilder(title)
    .uid(uid)
    .description(description)
    .tags([TAG])
    .timezone("browser")
    .refresh(refresh)
    .time({ from, to: "now" })
    .tooltip(DashboardCursorSync.Crosshair)
    .withVariable(sourceVariable("prometheus", "Prometheus data source"))
    .withVariable(sourceVariable("loki", "Loki data source").hide(VariableHide.HideVariable))
    .withVariable(sourceVariable("tempo", "Tempo data source").hide(VariableHide.HideVariable))
    .link(
      new DashboardLinkBuilder("Dashboards")
        // One menu: Grafana hides links that do not fit into a row.
        .type(DashboardLinkType.Dashboards).tags([TAG]).keepTime(true).asDropdown(true),
    )
    .link(
      new DashboardLinkBuilder("Logs in Explore")
        .type(DashboardLinkType.Link).icon("doc").url(exploreUrl(logs)).targetBlank(true),
    );
  for (const [name, { expr, title, colour }] of Object.entries(events)) {
    built.annotation(
      new AnnotationQueryBuilder().name(name).datasource(SOURCES.prometheus).enable(true).iconColor(colour)
        .expr(expr).titleFormat(title).step("15s"),
    );
  }
  return built;
}

/** A link into Explore with a Loki query over the last hour. */
export function exploreUrl(logql: string): string {
  const pane = {
    datasource: SOURCES.loki.uid,
    queries: [{ refId: "A", datasource: SOURCES.loki, expr: logql }],
    range: { from: "now-1h", to: "now" },
  };
  const panes = encodeURIComponent(JSON.stringify({ tp: pane }));
  // Grafana fills variables into a link, but does not find one that is encoded.
  return `/explore?schemaVersion=1&panes=${
    panes.replaceAll(encodeURIComponent(SOURCES.loki.uid), SOURCES.loki.uid)
  }`;
}

/** A heading that opens and closes the panels below it. */
export function section(title: string): RowBuilder {
  return new RowBuilder(title);
}

/** A heading that is closed at first: its panels query nothing until it is opened. */
export function closedSection(title: string, panels: readonly Panel[]): RowBuilder {
  const row = new RowBuilder(title).collapsed(true);
  for (const panel of panels) row.withPanel(panel);
  return row;
}

type Panel = Parameters<RowBuilder["withPanel"]>[0];

/** A choice among Grafana's data sources of a type; at first this stack's. */
function sourceVariable(type: keyof typeof UIDS, label: string): DatasourceVariableBuilder {
  const name = SOURCES[type].uid.slice(2, -1);
  const ours = UIDS[type];
  return new DatasourceVariableBuilder(name)
    .label(label)
    .type(type)
    .current({ selected: true, text: ours[0]!.toUpperCase() + ours.slice(1), value: ours });
}

/** A choice among a label's values. @param picked the choice at first; all of them when empty */
export function variable(
  name: string,
  label: string,
  metric: string,
  picked: readonly string[] = [],
): QueryVariableBuilder {
  const query = `label_values(${metric}, ${name})`;
  return new QueryVariableBuilder(name)
    .label(label)
    .datasource(SOURCES.prometheus)
    .query({ query, refId: name })
    .definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .multi(true)
    .includeAll(true)
    .allValue(".+")
    .current(
      picked.length === 0
        ? { selected: true, text: "All", value: "$__all" }
        : { selected: true, text: [...picked], value: [...picked] },
    );
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

/** Critical, whatever the value. */
export function criticalSteps() {
  return { mode: ThresholdsMode.Absolute, steps: [{ value: null, color: CRITICAL }] };
}

/** Good from an objective's target upwards, critical below it. */
export function targetSteps(target: number) {
  return {
    mode: ThresholdsMode.Absolute,
    steps: [{ value: null, color: CRITICAL }, { value: target, color: GOOD }],
  };
}

/** Of a burn rate: above 1 the budget will not last, above the fastest factor someone is paged. */
export function burnSteps(): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute)
    .steps([{ value: null, color: GOOD }, { value: 1, color: WARN }, {
      value: BURN_RATES[0].rate,
      color: CRITICAL,
    }]);
}

/** Good from a value upwards, critical below it: for things that are up or down. */
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
 * The JSON that Grafana's file provider reads: stable, with a newline at its end. Panels are numbered in
 * order, which keeps links to panels valid.
 */
export function toJson(built: Dashboard, { editable = false } = {}): string {
  let id = 0;
  const panels = built.panels?.map((panel) => {
    const own = { id: ++id, ...panel };
    if (!("panels" in panel) || !panel.panels) return own;
    return { ...own, panels: panel.panels.map((inner) => ({ id: ++id, ...inner })) };
  });
  return JSON.stringify({ ...built, panels, editable }, null, 2) + "\n";
}
