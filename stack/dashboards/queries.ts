/** Every query of the dashboards as written to config/grafana/dashboards, for whoever wants to check or run them. */
import { DASHBOARDS, type Uid } from "./theme.ts";

export interface PanelQuery {
  readonly uid: string;
  readonly dashboard: string;
  readonly panel: string;
  /** The panel's number in its dashboard, as in a link: `?viewPanel=3`. */
  readonly panelId: number;
  readonly language: "promql" | "logql" | "traceql" | "serviceMap";
  /** The query as Grafana stores it, with its `$variables`; empty for a service map. */
  readonly query: string;
  readonly legend: string;
}

interface Target {
  readonly datasource?: { readonly type?: string };
  readonly expr?: string;
  readonly query?: string;
  readonly queryType?: string;
  readonly legendFormat?: string;
}
export interface PanelJson {
  readonly id: number;
  readonly type: string;
  readonly title?: string;
  readonly description?: string;
  readonly datasource?: { readonly type?: string; readonly uid?: string };
  readonly targets?: readonly (Target & { readonly datasource?: { readonly uid?: string } })[];
  readonly panels?: readonly PanelJson[];
  readonly fieldConfig?: {
    readonly defaults?: {
      readonly thresholds?: { readonly steps?: readonly { readonly value: number | null }[] };
    };
  };
}
export interface DashboardJson {
  readonly uid: string;
  readonly title: string;
  readonly panels: readonly PanelJson[];
  readonly templating?: {
    readonly list?: readonly { readonly name: string; readonly definition?: string }[];
  };
}

/**
 * Reads the four dashboard files.
 *
 * @param folder where they lie; default config/grafana/dashboards, relative to the working directory
 * @throws {Deno.errors.NotFound} when `deno task dashboards` has not been run
 */
export async function readDashboards(folder = "config/grafana/dashboards"): Promise<DashboardJson[]> {
  const uids = Object.keys(DASHBOARDS) as Uid[];
  return await Promise.all(
    uids.map(async (uid) => JSON.parse(await Deno.readTextFile(`${folder}/${DASHBOARDS[uid].file}`))),
  );
}

/** The panels of a dashboard that show something, those in collapsed rows too. */
export function panelsOf(dashboard: DashboardJson): PanelJson[] {
  return dashboard.panels.flatMap((panel) => panel.type === "row" ? panel.panels ?? [] : [panel]);
}

/** The queries of one dashboard, panel by panel. */
export function queriesOf(dashboard: DashboardJson): PanelQuery[] {
  return panelsOf(dashboard).flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      uid: dashboard.uid,
      dashboard: dashboard.title,
      panel: panel.title ?? "",
      panelId: panel.id,
      ...languageOf(target),
      legend: target.legendFormat ?? "",
    }))
  );
}

/**
 * Puts values in place of Grafana's variables: every choice becomes "all".
 *
 * @param interval what `$__rate_interval` stands for; default four scrapes of 15 s
 */
export function withoutVariables(query: string, interval = "1m"): string {
  return query.replaceAll("$__rate_interval", interval).replace(/"\$\w+"/g, '".*"');
}

function languageOf(target: Target): { language: PanelQuery["language"]; query: string } {
  if (target.datasource?.type === "loki") return { language: "logql", query: target.expr ?? "" };
  if (target.datasource?.type === "prometheus") return { language: "promql", query: target.expr ?? "" };
  if (target.queryType === "serviceMap") return { language: "serviceMap", query: "" };
  return { language: "traceql", query: target.query ?? "" };
}
