/** The dashboards as they are stored in config/grafana/dashboards: the one reader of that JSON. */
import { join } from "node:path";
import { z } from "zod";
import { DASHBOARDS } from "./boards.ts";

export interface Query {
  readonly refId: string;
  /** The data source's uid. */
  readonly source: string;
  readonly language: "promql" | "logql" | "traceql" | "service map";
  /** The expression with every variable filled in; empty for a service map. */
  readonly expr: string;
  /** Whether it queries the current value, not its course. */
  readonly instant: boolean;
  readonly legend: string;
}

export interface Panel {
  /** Its number in the dashboard, as in a link: `?viewPanel=3`. */
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  /** Its data source's uid, if it has one. */
  readonly source: string | undefined;
  /** As Grafana calls it: `s`, `reqps`, `percentunit`; empty if none is set. */
  readonly unit: string;
  /** Empty for a panel without queries, such as text. */
  readonly queries: readonly Query[];
  /** Values at which its colour changes. */
  readonly limits: readonly number[];
}

export interface Variable {
  readonly name: string;
  /** For a choice among a label's values: `label_values(selector, label)`. */
  readonly definition: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  /** Including those in collapsed rows, without rows. */
  readonly panels: readonly Panel[];
  /** Choices among a label's values; the data sources, which are variables too, are left out. */
  readonly variables: readonly Variable[];
}

/** A query with its panel and dashboard. */
export interface PlacedQuery extends Query {
  readonly panel: Panel;
  readonly dashboard: Dashboard;
}

/** How far back a panel is read, and at which resolution: as Grafana does for its last 15 minutes. */
export const LOOK_BACK_MINUTES = 15;
export const STEP_SECONDS = 15;

/** Grafana's own variables, as it fills them in for a scrape interval of 15 s. */
const BUILT_IN: Readonly<Record<string, string>> = {
  __rate_interval: "1m",
  __interval: `${STEP_SECONDS}s`,
  __interval_ms: `${STEP_SECONDS * 1_000}`,
  __range: `${LOOK_BACK_MINUTES}m`,
  __range_s: `${LOOK_BACK_MINUTES * 60}`,
};

const SourceJson = z.union([
  z.string(),
  z.object({ type: z.string().optional(), uid: z.string().optional() }),
])
  .nullish().transform((source) => typeof source === "string" ? { uid: source } : { ...source });
const TargetJson = z.object({
  refId: z.string().default("A"),
  expr: z.string().default(""),
  query: z.string().default(""),
  queryType: z.string().optional(),
  legendFormat: z.string().default(""),
  instant: z.boolean().default(false),
  datasource: SourceJson,
});
const PanelJson = z.object({
  id: z.number().default(0),
  type: z.string(),
  title: z.string().default(""),
  description: z.string().default(""),
  datasource: SourceJson,
  targets: z.array(TargetJson).default([]),
  fieldConfig: z.object({
    defaults: z.object({
      unit: z.string().optional(),
      thresholds: z.object({ steps: z.array(z.object({ value: z.number().nullish() })).default([]) })
        .optional(),
    }).optional(),
  }).optional(),
  get panels() {
    return z.array(PanelJson).optional();
  },
});
const VariableJson = z.object({
  name: z.string(),
  type: z.string(),
  definition: z.string().default(""),
  includeAll: z.boolean().default(true),
  allValue: z.string().nullish(),
  current: z.object({ value: z.union([z.string(), z.array(z.string())]).optional() }).optional(),
});
const DashboardJson = z.object({
  uid: z.string(),
  title: z.string(),
  panels: z.array(PanelJson),
  templating: z.object({ list: z.array(VariableJson).default([]) }).optional(),
});

/**
 * Reads the provisioned dashboards: ours in their own order, then any others by uid.
 *
 * @param homeDir the folder that holds config/; none are found when there is no such folder
 * @throws {Error} when a file is not a dashboard; the message names it
 */
export async function readDashboards(homeDir = "."): Promise<Dashboard[]> {
  const dir = join(homeDir, "config", "grafana", "dashboards");
  const dashboards = await Promise.all((await jsonFilesIn(dir)).map(async (name) => {
    const parsed = DashboardJson.safeParse(JSON.parse(await Deno.readTextFile(join(dir, name))));
    if (!parsed.success) throw new Error(`Cannot read dashboard ${name}: ${z.prettifyError(parsed.error)}`);
    return dashboard(parsed.data);
  }));
  const ours = Object.keys(DASHBOARDS);
  const place = ({ uid }: Dashboard) => ours.includes(uid) ? `${ours.indexOf(uid)}` : `x${uid}`;
  return dashboards.sort((a, b) => place(a) < place(b) ? -1 : 1);
}

/** Every query of a dashboard, panel by panel. */
export function queriesOf(dashboard: Dashboard): PlacedQuery[] {
  return dashboard.panels.flatMap((panel) => panel.queries.map((query) => ({ ...query, panel, dashboard })));
}

async function jsonFilesIn(dir: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(dir), ({ name }) => name);
    return entries.filter((name) => name.endsWith(".json"));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function dashboard({ uid, title, panels, templating }: z.output<typeof DashboardJson>): Dashboard {
  const values = new Map(Object.entries(BUILT_IN));
  const variables = templating?.list ?? [];
  for (const { name, type, current, includeAll, allValue } of variables) {
    const picked = [current?.value ?? []].flat();
    const all = picked.length === 0 || picked.includes("$__all");
    if (type === "datasource") values.set(name, picked[0] ?? "prometheus");
    else values.set(name, all && includeAll ? allValue ?? ".*" : picked.join("|"));
  }
  const choices = variables.filter(({ type }) => type !== "datasource");
  return { uid, title, variables: choices, panels: withoutRows(panels).map((json) => panel(json, values)) };
}

/** A collapsed row contains its panels. */
function withoutRows(panels: readonly z.output<typeof PanelJson>[]): z.output<typeof PanelJson>[] {
  return panels.flatMap((p) => p.type === "row" ? withoutRows(p.panels ?? []) : [p]);
}

function panel(json: z.output<typeof PanelJson>, values: ReadonlyMap<string, string>): Panel {
  const { id, type, title, description, datasource, targets, fieldConfig } = json;
  const queries = targets.map((target) => {
    const { refId, instant, legendFormat: legend } = target;
    const source = fill(target.datasource.uid ?? datasource.uid ?? "prometheus", values);
    const language = languageOf(target, target.datasource.type ?? source);
    const stored = language === "traceql" ? target.query : target.expr;
    return { refId, source, language, expr: fill(stored, values), instant, legend };
  });
  const steps = fieldConfig?.defaults?.thresholds?.steps ?? [];
  return {
    id,
    type,
    title,
    description,
    source: datasource.uid && fill(datasource.uid, values),
    unit: fieldConfig?.defaults?.unit ?? "",
    queries,
    limits: steps.flatMap(({ value }) => value ?? []),
  };
}

function languageOf({ queryType }: z.output<typeof TargetJson>, source: string): Query["language"] {
  if (source === "loki") return "logql";
  if (source !== "tempo") return "promql";
  return queryType === "serviceMap" ? "service map" : "traceql";
}

/** `$name`, `${name}`, `${name:format}` and `[[name]]`; an undeclared variable stays. */
function fill(text: string, values: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]/g,
    (whole, a, b, c) => values.get(a ?? b ?? c) ?? whole,
  );
}
