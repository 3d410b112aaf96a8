/** The kinds of panel, each a function from what it shows to a builder. */
import * as common from "@grafana/grafana-foundation-sdk/common";
import {
  DashboardLinkBuilder,
  MappingType,
  PanelBuilder,
  type ThresholdsConfigBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import * as bargauge from "@grafana/grafana-foundation-sdk/bargauge";
import * as gauge from "@grafana/grafana-foundation-sdk/gauge";
import * as heatmap from "@grafana/grafana-foundation-sdk/heatmap";
import * as logs from "@grafana/grafana-foundation-sdk/logs";
import * as loki from "@grafana/grafana-foundation-sdk/loki";
import * as nodegraph from "@grafana/grafana-foundation-sdk/nodegraph";
import * as prometheus from "@grafana/grafana-foundation-sdk/prometheus";
import * as stat from "@grafana/grafana-foundation-sdk/stat";
import * as table from "@grafana/grafana-foundation-sdk/table";
import * as tempo from "@grafana/grafana-foundation-sdk/tempo";
import * as timeseries from "@grafana/grafana-foundation-sdk/timeseries";
import {
  byThreshold,
  criticalSteps,
  exploreUrl,
  lastValue,
  QUANTILES,
  SOURCES,
  steps,
  targetSteps,
  UIDS,
  type Unit,
  UNITS,
  WIDTH,
} from "./theme.ts";
import { OBJECTIVES, type ThresholdName } from "../../core/telemetry/thresholds.ts";
import { DASHBOARDS, type Uid } from "./boards.ts";

interface Shown {
  readonly title: string;
  /** What the panel shows, what is normal, and what a bad value means. Shown behind the (i). */
  readonly description: string;
  /** Columns, of 24. */
  readonly span: number;
  /** Rows of 30 pixels. */
  readonly height?: number;
}

interface Measured extends Shown {
  readonly unit: Unit;
  /** Colours a value, or draws lines into a graph. */
  readonly threshold?: ThresholdName;
  /** Instead of a named threshold, for things that are up or down. */
  readonly colours?: ThresholdsConfigBuilder;
  /** Shown instead of "No data". */
  readonly noValue?: string;
}

interface Value extends Measured {
  readonly expr: string;
  /** Names the series if there are several. */
  readonly legend?: string;
  readonly min?: number;
  readonly max?: number;
  readonly decimals?: number;
  /** The dashboard it links to. */
  readonly board?: Uid;
  /** Texts to show instead of 0 and 1. */
  readonly words?: readonly [zero: string, one: string];
}

interface Graph extends Measured {
  /** Legend → PromQL. A legend may hold `{{label}}`. */
  readonly series: Readonly<Record<string, string>>;
  /** Dots that link to a trace. */
  readonly exemplars?: boolean;
  readonly stacked?: boolean;
  readonly min?: number;
  readonly max?: number;
  /** The axis reaches at least this far: noise near 0 looks like noise, and a limit is visible. */
  readonly upTo?: number;
  /** Colours of series by a pattern of their names, instead of the palette. */
  readonly paint?: Readonly<Record<string, string>>;
  /** For rates over many orders of magnitude: linear below 0.1, logarithmic above. */
  readonly logAxis?: boolean;
  /** Links to the log lines beside the graph. */
  readonly logql?: string;
}

const STAT_HEIGHT = 4;
const GRAPH_HEIGHT = 8;

/** One number, coloured by its threshold, over a sparkline. */
export function number(p: Value): stat.PanelBuilder {
  const panel = measured(new stat.PanelBuilder(), p, STAT_HEIGHT)
    .withTarget(now(p.expr, p.legend))
    .reduceOptions(lastValue())
    .colorMode(common.BigValueColorMode.Background)
    .graphMode(common.BigValueGraphMode.None)
    .textMode(p.legend === undefined ? common.BigValueTextMode.Value : common.BigValueTextMode.ValueAndName)
    .colorScheme(byThreshold());
  if (p.board !== undefined) {
    panel.links([
      new DashboardLinkBuilder(DASHBOARDS[p.board].title).url(`/d/${p.board}?\${__url_time_range}`),
    ]);
  }
  if (p.words !== undefined) {
    const [zero, one] = p.words;
    panel.mappings([{ type: MappingType.ValueToText, options: { "0": { text: zero }, "1": { text: one } } }]);
  }
  return panel;
}

/** One number on a scale whose ends are known. */
export function dial(p: Value & { readonly min: number; readonly max: number }): gauge.PanelBuilder {
  return measured(new gauge.PanelBuilder(), p, STAT_HEIGHT)
    .withTarget(now(p.expr, p.legend))
    .reduceOptions(lastValue())
    .showThresholdMarkers(true)
    .colorScheme(byThreshold());
}

/** One bar for each series, on a scale whose ends are known. */
export function bars(
  p: Value & { readonly min: number; readonly max: number; readonly legend: string },
): bargauge.PanelBuilder {
  return measured(new bargauge.PanelBuilder(), p, STAT_HEIGHT)
    .withTarget(now(p.expr, p.legend))
    .reduceOptions(lastValue())
    .orientation(common.VizOrientation.Horizontal)
    .displayMode(common.BarGaugeDisplayMode.Basic)
    .colorScheme(byThreshold());
}

/** One bar for each objective, coloured by its own target. */
export function objectiveBars(
  p: Shown & { readonly expr: string; readonly min: number },
): bargauge.PanelBuilder {
  const panel = bars({ ...p, unit: "ratio", legend: "{{slo}}", max: 1, decimals: 2 });
  for (const [slo, { target }] of Object.entries(OBJECTIVES)) {
    panel.overrideByName(slo, [{ id: "thresholds", value: targetSteps(target) }]);
  }
  return panel;
}

/** How many took how long, over time: the shape that quantiles hide. */
export function durations(p: Shown & { readonly expr: string }): heatmap.PanelBuilder {
  return shown(new heatmap.PanelBuilder(), p, GRAPH_HEIGHT)
    .datasource(SOURCES.prometheus)
    .calculate(false)
    .color(
      new heatmap.HeatmapColorOptionsBuilder().mode(heatmap.HeatmapColorMode.Scheme).scheme("Cividis").steps(
        64,
      ),
    )
    .yAxis(new heatmap.YAxisConfigBuilder().unit(UNITS.seconds))
    .filterValues(new heatmap.FilterValueRangeBuilder().le(1e-9))
    .withTarget(
      new prometheus.DataqueryBuilder().expr(p.expr).legendFormat("{{le}}").range()
        .format(prometheus.PromQueryFormat.Heatmap).refId("A").datasource(SOURCES.prometheus),
    );
}

/** How many alerts fire: none is good, a warning warns, and any critical one is critical. */
export function alertCount(p: Shown): stat.PanelBuilder {
  return number({
    ...p,
    unit: "count",
    threshold: "alertsFiring",
    expr: 'count by (severity) (ALERTS{alertstate="firing", severity=~"warning|critical"})' +
      ' or on () label_replace(vector(0), "severity", "none", "", "")',
    legend: "{{severity}}",
    board: "tp-overview",
  }).overrideByName("critical", [{ id: "thresholds", value: criticalSteps() }]);
}

/**
 * The alerts that fire, each with its age and its links; the Watchdog, which always does, is not among them.
 */
export function firingAlerts(p: Shown): PanelBuilder {
  return shown(new PanelBuilder(), p, GRAPH_HEIGHT)
    .type("alertlist")
    .datasource(SOURCES.prometheus)
    .options({
      viewMode: "list",
      datasource: UIDS.prometheus,
      alertInstanceLabelFilter: '{severity=~"critical|warning"}',
      stateFilter: { firing: true, pending: false, noData: false, normal: false, error: true },
      sortOrder: 3, // by importance
      maxItems: 20,
      groupMode: "default",
      dashboardAlerts: false,
      showInstances: true,
    });
}

/** Series over time, with the threshold drawn in. */
export function graph(p: Graph): timeseries.PanelBuilder {
  const panel = measured(new timeseries.PanelBuilder(), p, GRAPH_HEIGHT)
    .lineWidth(1)
    .fillOpacity(p.stacked ? 30 : 10)
    .showPoints(common.VisibilityMode.Never)
    .legend(
      new common.VizLegendOptionsBuilder()
        .showLegend(true).displayMode(common.LegendDisplayMode.List).placement(common.LegendPlacement.Bottom),
    )
    .tooltip(
      new common.VizTooltipOptionsBuilder()
        .mode(common.TooltipDisplayMode.Multi).sort(common.SortOrder.Descending),
    )
    .thresholdsStyle(
      new common.GraphThresholdsStyleConfigBuilder().mode(
        p.threshold === undefined && p.colours === undefined
          ? common.GraphThresholdsStyleMode.Off
          : common.GraphThresholdsStyleMode.Dashed,
      ),
    );
  if (p.stacked) panel.stacking(new common.StackingConfigBuilder().mode(common.StackingMode.Normal));
  if (p.upTo !== undefined) panel.axisSoftMax(p.upTo);
  for (const [pattern, color] of Object.entries(p.paint ?? {})) {
    panel.overrideByRegexp(pattern, [{ id: "color", value: { mode: "shades", fixedColor: color } }]);
  }
  for (const [quantile, color] of Object.entries(QUANTILES)) {
    if (!(quantile in p.series)) continue;
    panel.overrideByName(quantile, [{ id: "color", value: { mode: "fixed", fixedColor: color } }]);
  }
  if (p.logAxis) {
    panel.scaleDistribution(
      new common.ScaleDistributionConfigBuilder().type(common.ScaleDistribution.Symlog).log(10)
        .linearThreshold(0.1),
    );
  }
  if (p.logql !== undefined) {
    panel.links([new DashboardLinkBuilder("Logs in Explore").url(exploreUrl(p.logql)).targetBlank(true)]);
  }
  Object.entries(p.series).forEach(([legend, expr], i) => {
    panel.withTarget(
      new prometheus.DataqueryBuilder()
        .expr(expr).legendFormat(legend).range()
        // The series of a graph are quantiles of one histogram: its exemplars are queried once.
        .exemplar(i === 0 && p.exemplars === true)
        .refId(String.fromCharCode(65 + i)).datasource(SOURCES.prometheus),
    );
  });
  return panel;
}

/** The current labels of series, a row for each, without their values, which mean nothing. */
export function labelTable(p: Value): table.PanelBuilder {
  return measured(new table.PanelBuilder(), p, GRAPH_HEIGHT)
    .withTarget(now(p.expr, p.legend).format(prometheus.PromQueryFormat.Table))
    .withTransformation({ id: "organize", options: { excludeByName: { Time: true, Value: true } } })
    .colorScheme(byThreshold());
}

/** Log lines, newest first; their trace is one click away. */
export function logLines(p: Shown & { readonly logql: string }): logs.PanelBuilder {
  return shown(new logs.PanelBuilder(), p, GRAPH_HEIGHT)
    .datasource(SOURCES.loki)
    .withTarget(new loki.DataqueryBuilder().expr(p.logql).maxLines(200).refId("A").datasource(SOURCES.loki))
    .links([new DashboardLinkBuilder("Open in Explore").url(exploreUrl(p.logql)).targetBlank(true)])
    .showTime(true)
    .wrapLogMessage(true)
    .enableLogDetails(true)
    .sortOrder(common.LogsSortOrder.Descending);
}

/** Traces of the last minutes, each a link to its spans. */
export function recentTraces(p: Shown & { readonly traceql: string }): table.PanelBuilder {
  return shown(new table.PanelBuilder(), p, GRAPH_HEIGHT)
    .datasource(SOURCES.tempo)
    .withTarget(
      new tempo.DataqueryBuilder()
        // Without the hint a search returns the first traces that match, not the newest.
        .queryType("traceql").query(`${p.traceql} with (most_recent=true)`).limit(20).tableType(
          tempo.SearchTableType.Traces,
        )
        .refId("A").datasource(SOURCES.tempo),
    );
}

/** Who calls whom, how often and how fast, from the traces. */
export function serviceMap(p: Shown): nodegraph.PanelBuilder {
  return shown(new nodegraph.PanelBuilder(), p, 12)
    .datasource(SOURCES.tempo)
    .withTarget(new tempo.DataqueryBuilder().queryType("serviceMap").refId("A").datasource(SOURCES.tempo));
}

interface Panel {
  title(title: string): this;
  description(description: string): this;
  span(columns: number): this;
  height(rows: number): this;
}

interface MeasuredPanel extends Panel {
  datasource(source: { type: string; uid: string }): this;
  unit(unit: string): this;
  thresholds(steps: ThresholdsConfigBuilder): this;
  noValue(text: string): this;
  min(value: number): this;
  max(value: number): this;
  decimals(digits: number): this;
}

function shown<P extends Panel>(panel: P, p: Shown, height: number): P {
  if (p.span > WIDTH) {
    throw new RangeError(`Cannot lay out "${p.title}": it spans ${p.span} of ${WIDTH} columns`);
  }
  return panel.title(p.title).description(p.description).span(p.span).height(p.height ?? height);
}

function measured<P extends MeasuredPanel>(
  panel: P,
  p: Measured & { readonly min?: number; readonly max?: number; readonly decimals?: number },
  height: number,
): P {
  shown(panel, p, height)
    .datasource(SOURCES.prometheus)
    .unit(UNITS[p.unit])
    .thresholds(p.colours ?? steps(p.threshold));
  if (p.noValue !== undefined) panel.noValue(p.noValue);
  if (p.min !== undefined) panel.min(p.min);
  if (p.max !== undefined) panel.max(p.max);
  if (p.decimals !== undefined) panel.decimals(p.decimals);
  return panel;
}

function now(expr: string, legend = ""): prometheus.DataqueryBuilder {
  return new prometheus.DataqueryBuilder()
    .expr(expr).legendFormat(legend).instant().refId("A").datasource(SOURCES.prometheus);
}
