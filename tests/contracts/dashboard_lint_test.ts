/**
 * The rules of Grafana's dashboard-linter that apply here, on our dashboards and on one that `adopt` writes;
 * docs/decisions/0029-linters.md lists which test holds which, and which do not apply.
 */
import assert from "node:assert/strict";
import * as units from "@grafana/grafana-foundation-sdk/units";
import * as z from "zod";
import { dashboardFiles } from "../../stack/dashboards/main.ts";
import { SOURCES } from "../../stack/dashboards/theme.ts";
import { serviceFiles } from "../../stack/extensions/service_files.ts";
import { SHOP } from "../support/adopted_service.ts";

const Target = z.object({
  expr: z.string().default(""),
  instant: z.boolean().default(false),
  datasource: z.object({ uid: z.string() }),
});
const Panel = z.object({
  type: z.string(),
  title: z.string().default(""),
  description: z.string().default(""),
  targets: z.array(Target).default([]),
  fieldConfig: z.object({ defaults: z.object({ unit: z.string().optional() }) }).optional(),
  get panels() {
    return z.array(Panel).default([]);
  },
});
const Variable = z.object({
  name: z.string(),
  type: z.string(),
  label: z.string().default(""),
  multi: z.boolean().default(false),
  includeAll: z.boolean().default(false),
  allValue: z.string().nullish(),
  refresh: z.number().default(0),
  datasource: z.object({ uid: z.string() }).nullish(),
});
const Board = z.object({
  title: z.string(),
  editable: z.boolean().default(true),
  templating: z.object({ list: z.array(Variable) }),
  panels: z.array(Panel),
});

const adopted = serviceFiles(SHOP);
const ours = [...dashboardFiles().values()].map((text) => Board.parse(JSON.parse(text)));
const all = [...ours, Board.parse(JSON.parse(adopted.get("dashboards/shop.json")!))];
const panels = all.flatMap((board) =>
  board.panels.flatMap((panel) => panel.type === "row" ? panel.panels : [panel])
    .map((panel) => ({ ...panel, where: `dashboard "${board.title}", panel "${panel.title}"` }))
);
const KNOWN_UNITS = new Set<unknown>(Object.values(units));

Deno.test("ours cannot be edited in Grafana, where a change would be lost", () => {
  for (const { title, editable } of ours) assert.equal(editable, false, title);
});

Deno.test("a choice takes several values or all, has a label, and follows data source and time range", () => {
  const choices = all.flatMap((board) => board.templating.list.filter(({ type }) => type === "query"));
  assert.ok(choices.length > 0);
  for (const { name, label, multi, includeAll, allValue, refresh, datasource } of choices) {
    assert.ok(label !== "", name);
    assert.deepEqual([multi, includeAll, allValue, refresh], [true, true, ".+", 2], name);
    assert.equal(datasource?.uid, SOURCES.prometheus.uid, name);
  }
});

Deno.test("every unit is one that Grafana knows, or a suffix of its own", () => {
  const used = panels.flatMap(({ where, fieldConfig }) => {
    const unit = fieldConfig?.defaults.unit;
    return unit === undefined ? [] : [{ where, unit }];
  });
  assert.ok(used.length > 0);
  for (const { where, unit } of used) {
    assert.ok(KNOWN_UNITS.has(unit) || unit.startsWith("suffix: "), `${where}: the unit ${unit}`);
  }
});

Deno.test("a rate's window follows the zoom; one of its own is named in the panel's description", () => {
  const NAMES = {
    "5m": /5 minutes/,
    "15m": /15 minutes/,
    "1m": /minute/,
    "1h": /hour/,
    "1d": /24 (h|hours)|day/,
  };
  let fixed = 0;
  for (const { where, title, description, targets } of panels) {
    for (const { expr } of targets) {
      for (const [, window = ""] of expr.matchAll(/\b(?:rate|irate|increase)\([^[\]]*\[([^\]]+)\]/g)) {
        if (window === "$__rate_interval") continue;
        fixed++;
        const name = NAMES[window as keyof typeof NAMES];
        assert.ok(
          name?.test(`${title}. ${description}`),
          `${where}: a window of ${window} that no text names`,
        );
      }
    }
  }
  assert.ok(fixed > 0);
});

Deno.test("a panel that draws lines of logs over time counts them in $__auto", () => {
  for (const { where, targets } of panels) {
    for (const { expr, datasource } of targets) {
      if (datasource.uid !== SOURCES.loki.uid) continue;
      for (const [, window] of expr.matchAll(/\[([^\]]+)\]/g)) assert.equal(window, "$__auto", where);
    }
  }
});
