/** The dashboards are what stack/dashboards says, load without guessing, and their queries parse. */
import assert from "node:assert/strict";
import { parser as logql } from "@grafana/lezer-logql";
import { parser as traceql } from "@grafana/lezer-traceql";
import { dashboardFiles } from "../../stack/dashboards/main.ts";
import { SOURCES, UIDS } from "../../stack/dashboards/theme.ts";
import { queriesOf, readDashboards } from "../../stack/dashboards/model.ts";
import { documentQueries } from "./documents.ts";
import { bucketsOf } from "./known_metrics.ts";
import { descendants, parsePromQL } from "../../stack/dashboards/promql.ts";

/** What Promtail makes of our lines: labels, and structured metadata. */
const LOG_LABELS = ["service", "container", "job", "level", "trace_id", "span_id", "thought_id"];
const SERVICES = ["thoughtprocessor-api", "kafka-worker"];

const dashboards = await readDashboards();
const queries = dashboards.flatMap(queriesOf);

Deno.test("the checked-in dashboards are the generated ones", async () => {
  for (const [path, text] of dashboardFiles()) {
    assert.equal(await Deno.readTextFile(path), text, `${path} differs: run "deno task dashboards"`);
  }
});

Deno.test("uids and titles are unique", () => {
  for (const key of ["uid", "title"] as const) {
    const values = dashboards.map((dashboard) => dashboard[key]);
    assert.equal(new Set(values).size, values.length, `two dashboards share a ${key}`);
  }
});

Deno.test("every panel has a title, a description and a data source with a known uid", () => {
  const uids: readonly string[] = Object.values(UIDS);
  for (const dashboard of dashboards) {
    for (const { title, description, source, queries, type } of dashboard.panels) {
      const where = `dashboard "${dashboard.title}", panel "${title}"`;
      assert.ok(title.length > 0 && description.length > 0, `${where} needs a title and a description`);
      // The list of alerts asks for all of them by itself.
      assert.ok(queries.length > 0 || type === "alertlist", `${where} asks nothing`);
      for (const uid of [source, ...queries.map((query) => query.source)]) {
        assert.ok(uids.includes(uid ?? ""), `${where} has a data source without a known uid`);
      }
    }
  }
});

Deno.test("dashboards are of the classic schema, with units, and refresh no faster than Prometheus scrapes", () => {
  for (const [path, text] of dashboardFiles()) {
    const json = JSON.parse(text);
    assert.ok(Array.isArray(json.panels) && json.elements === undefined && json.kind === undefined, path);
    assert.match(json.refresh, /^(1[5-9]|[2-9]\d)s$|^\d+m$/, path);
    const panels = json.panels.flatMap((panel: { panels?: unknown[] }) => panel.panels ?? [panel]);
    const ids = panels.map(({ id }: { id: number }) => id);
    assert.equal(new Set(ids).size, ids.length, `${path}: two panels share a number`);
    for (const { type, title, fieldConfig } of panels) {
      if (!["stat", "gauge", "bargauge", "timeseries"].includes(type)) continue;
      assert.ok(fieldConfig?.defaults?.unit, `${path}: ${title} has no unit`);
    }
  }
});

Deno.test("every data source is a variable's choice, and every choice follows the time range", () => {
  const variables = Object.values(SOURCES).map(({ uid }) => uid as string);
  for (const [path, text] of dashboardFiles()) {
    const { templating, annotations, panels } = JSON.parse(text);
    const declared = templating.list.filter(({ type }: { type: string }) => type === "datasource");
    assert.deepEqual(declared.map(({ name }: { name: string }) => `\${${name}}`), variables, path);
    for (
      const { name, refresh } of templating.list.filter(({ type }: { type: string }) => type === "query")
    ) {
      assert.equal(refresh, 2, `${path}: ${name}`);
    }
    const named = JSON.stringify([annotations, panels, templating]).matchAll(
      /"datasource":\{[^}]*"uid":"([^"]*)/g,
    );
    const uids = new Set([...named].map(([, uid]) => uid!));
    assert.ok(uids.size > 0 && [...uids].every((uid) => variables.includes(uid)), `${path}: ${[...uids]}`);
  }
});

Deno.test("colours mean one thing: a quantile has one, and green and red are those of the palette", () => {
  const quantiles = new Map<string, Set<string>>();
  for (const [path, text] of dashboardFiles()) {
    assert.doesNotMatch(text, /"(fixedColor|color)": "(red|green|orange|blue|yellow)"/, path);
    const overrides = text.matchAll(/"options": "(p\d+)"[\s\S]*?"fixedColor": "(#\w+)"/g);
    for (const [, name = "", colour = ""] of overrides) {
      quantiles.set(name, (quantiles.get(name) ?? new Set()).add(colour));
    }
  }
  assert.ok(quantiles.size >= 3);
  for (const [name, colours] of quantiles) assert.equal(colours.size, 1, `${name}: ${[...colours]}`);
});

Deno.test("a panel queries its exemplars once", async () => {
  const files = [...Deno.readDirSync("config/grafana/dashboards")].map(({ name }) => name);
  const counts = await Promise.all(files.map(async (name) => {
    const { panels } = JSON.parse(await Deno.readTextFile(`config/grafana/dashboards/${name}`));
    return panels.map(({ targets = [] }: { targets?: { exemplar?: boolean }[] }) =>
      targets.filter(({ exemplar }) => exemplar).length
    );
  }));
  assert.equal(Math.max(...counts.flat()), 1);
});

Deno.test("panel titles are unique within a dashboard and kind", () => {
  for (const dashboard of dashboards) {
    const titles = dashboard.panels.map(({ title, type }) => `${title} (${type})`);
    assert.equal(
      new Set(titles).size,
      titles.length,
      `${dashboard.title} repeats a panel: ${titles.join(", ")}`,
    );
  }
});

Deno.test("every panel's threshold on a quantile lies below the histogram's last finite bucket", () => {
  for (const dashboard of dashboards) {
    for (const { title, queries, limits } of dashboard.panels) {
      const parsed = queries.filter(({ language }) => language === "promql").map(({ expr }) =>
        parsePromQL(expr)
      );
      for (const metric of parsed.flatMap(({ quantiles }) => quantiles).flatMap(({ metrics }) => metrics)) {
        const top = Math.max(...bucketsOf(metric));
        for (const limit of limits) {
          assert.ok(limit < top, `"${title}": ${metric} ends at ${top}, a threshold is ${limit}`);
        }
      }
    }
  }
});

Deno.test("every LogQL query parses and uses labels that our lines have", async () => {
  const asked = [
    ...queries.filter(({ language }) => language === "logql").map(({ panel, expr }) => ({
      by: panel.title,
      query: expr,
    })),
    ...(await documentQueries("logql")).map(({ file, query }) => ({ by: file, query })),
  ];
  assert.notEqual(asked.length, 0);
  for (const { by, query } of asked) {
    const nodes = descendants(logql.parse(query).topNode);
    assert.ok(!nodes.some((node) => node.type.isError), `${by}: cannot parse ${query}`);
    for (const matcher of nodes.filter((node) => node.name === "Matcher")) {
      const label = query.slice(matcher.firstChild!.from, matcher.firstChild!.to);
      assert.ok(LOG_LABELS.includes(label), `${by}: no line has the label ${label}`);
    }
  }
});

Deno.test("every TraceQL query parses and names services that exist", async () => {
  const asked = [
    ...queries.filter(({ language }) => language === "traceql").map(({ panel, expr }) => ({
      by: panel.title,
      query: expr,
    })),
    ...(await documentQueries("traceql")).map(({ file, query }) => ({ by: file, query })),
  ];
  assert.notEqual(asked.length, 0);
  for (const { by, query } of asked) {
    const nodes = descendants(traceql.parse(query).topNode);
    assert.ok(!nodes.some((node) => node.type.isError), `${by}: cannot parse ${query}`);
    for (const [, service = ""] of query.matchAll(/service\.name\s*=\s*"([^"]*)"/g)) {
      assert.ok(SERVICES.includes(service), `${by}: no service is called ${service}`);
    }
  }
});
