import { existsSync } from "node:fs";
import { join } from "node:path";
import * as z from "zod/mini";

const Source = z.union([z.string(), z.object({ type: z.optional(z.string()), uid: z.optional(z.string()) })]);
const Target = z.object({
  refId: z._default(z.string(), "A"),
  expr: z.optional(z.string()),
  instant: z._default(z.boolean(), false),
  datasource: z.optional(z.nullable(Source)),
});
const PanelShape = z.object({
  title: z._default(z.string(), ""),
  type: z.string(),
  datasource: z.optional(z.nullable(Source)),
  targets: z.optional(z.array(Target)),
  get panels() {
    return z.optional(z.array(z.unknown()));
  },
});
const DashboardShape = z.object({
  uid: z.string(),
  title: z.string(),
  panels: z.array(PanelShape),
  templating: z.optional(z.object({
    list: z.optional(z.array(z.object({
      name: z.string(),
      type: z.string(),
      includeAll: z.optional(z.boolean()),
      allValue: z.optional(z.nullable(z.string())),
      current: z.optional(z.object({ value: z.optional(z.union([z.string(), z.array(z.string())])) })),
    }))),
  })),
});

export interface Query {
  refId: string;
  /** The data source's uid. */
  source: string;
  /** Its language's expression, every variable replaced. */
  expr: string;
  /** The value now, not its course. */
  instant: boolean;
}

export interface Panel {
  title: string;
  /** Empty for a panel that shows no query's data, such as text. */
  queries: readonly Query[];
}

export interface Dashboard {
  uid: string;
  title: string;
  panels: readonly Panel[];
}

/** How far back a panel is looked at, and how finely: as Grafana would with its last 15 minutes on the screen. */
export const LOOK_BACK_MINUTES = 15;
export const STEP_SECONDS = 15;

/** Grafana's own variables, as it fills them in for a scrape interval of 15 s. */
const BUILT_IN: Record<string, string> = {
  __rate_interval: "1m",
  __interval: `${STEP_SECONDS}s`,
  __interval_ms: `${STEP_SECONDS * 1000}`,
  __range: `${LOOK_BACK_MINUTES}m`,
  __range_s: `${LOOK_BACK_MINUTES * 60}`,
};

/**
 * Reads the provisioned dashboards; none when there is no such folder.
 *
 * @throws {Error} when one is no dashboard; the message names the file
 */
export async function readDashboards(homeDir: string): Promise<Dashboard[]> {
  const dir = join(homeDir, "config", "grafana", "dashboards");
  const dashboards: Dashboard[] = [];
  const names = existsSync(dir) ? [...Deno.readDirSync(dir)].map((entry) => entry.name) : [];
  for (const name of names.filter((name) => name.endsWith(".json"))) {
    const parsed = DashboardShape.safeParse(JSON.parse(await Deno.readTextFile(join(dir, name))));
    if (!parsed.success) throw new Error(`Cannot read dashboard ${name}: ${z.prettifyError(parsed.error)}`);
    dashboards.push(dashboard(parsed.data));
  }
  return dashboards.sort((a, b) => a.uid < b.uid ? -1 : 1);
}

function dashboard(shape: z.output<typeof DashboardShape>): Dashboard {
  const variables = new Map(Object.entries(BUILT_IN));
  for (const { name, type, current, includeAll, allValue } of shape.templating?.list ?? []) {
    const value = [current?.value ?? []].flat();
    const all = value.length === 0 || value.includes("$__all");
    if (type === "datasource") variables.set(name, value[0] ?? "prometheus");
    else variables.set(name, all && includeAll !== false ? allValue ?? ".*" : value.join("|"));
  }
  const { uid, title, panels } = shape;
  return { uid, title, panels: flatten(panels).map((p) => panel(p, variables)) };
}

/** A collapsed row holds its panels itself. */
function flatten(panels: readonly z.output<typeof PanelShape>[]): z.output<typeof PanelShape>[] {
  return panels.flatMap((p) => [p, ...flatten(z.array(PanelShape).parse(p.panels ?? []))]);
}

function panel(shape: z.output<typeof PanelShape>, variables: ReadonlyMap<string, string>): Panel {
  const queries = (shape.targets ?? []).filter((target) => target.expr).map((target) => ({
    refId: target.refId,
    source: fill(uidOf(target.datasource) ?? uidOf(shape.datasource) ?? "prometheus", variables),
    expr: fill(target.expr!, variables),
    instant: target.instant,
  }));
  return { title: shape.title, queries };
}

function uidOf(source: z.output<typeof Source> | null | undefined): string | undefined {
  return typeof source === "string" ? source : source?.uid;
}

/** `$name`, `${name}`, `${name:format}` and `[[name]]`; a variable nobody declared stays. */
function fill(text: string, variables: ReadonlyMap<string, string>): string {
  return text.replaceAll(
    /\$(\w+)|\$\{(\w+)(?::\w+)?\}|\[\[(\w+)\]\]/g,
    (whole, a, b, c) => variables.get(a ?? b ?? c) ?? whole,
  );
}

/** Names of the metrics and recorded series that a PromQL expression reads. */
export function metricsOf(expr: string): string[] {
  const bare = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, "")
    .replaceAll(/\{[^}]*\}|\[[^\]]*\]/g, "")
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/gi, " ")
    .replaceAll(/\b(?:offset|@)\s*-?\w+/gi, " ");
  const names = bare.matchAll(/(?<![\w.:$])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g);
  return [...new Set([...names].map(([name]) => name).filter((name) => !KEYWORDS.has(name.toLowerCase())))];
}

const KEYWORDS = new Set([
  "and",
  "or",
  "unless",
  "bool",
  "by",
  "without",
  "on",
  "ignoring",
  "inf",
  "nan",
  "start",
  "end",
]);
