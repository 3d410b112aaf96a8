/**
 * Pictures of the examples' dashboards: `deno run -A tests/examples/pictures.ts [FOLDER]`. Each example is adopted and
 * gets requests for some minutes, a real Prometheus scrapes it, and the queries of the dashboard that `adopt` wrote are
 * drawn by uPlot in Chromium. They show the dashboard's data, not Grafana's look. Needs what `.ci/services install`
 * installs.
 */
import { join } from "node:path";
import { chromium, type Page } from "playwright-core";
import uPlotStyle from "uplot/dist/uPlot.min.css" with { type: "text" };
import uPlotScript from "uplot/dist/uPlot.iife.min.js" with { type: "text" };
import type { Dashboard, Panel } from "../../stack/dashboards/model.ts";
import { createMachine } from "../launcher/run_launcher.ts";
import { scriptDocker } from "../launcher/scripted_docker.ts";
import { freePort } from "../support/free_port.ts";
import { startCollector } from "./collector.ts";
import { EXAMPLES, startExample } from "./example.ts";
import { ownDashboard } from "./own_panels.ts";
import { type Course, startPrometheus } from "./prometheus.ts";
import { makeTraffic } from "./traffic.ts";

const MINUTES = 4;
/** The first minute has no rates yet. */
const SHOWN_S = (MINUTES - 1) * 60;
const STEP_S = 2;
const FAIL_EVERY = 30;
const CHROMIUM = Deno.env.get("CHROMIUM") ?? "/usr/bin/chromium";

/** A panel as the page gets it: lines, or a number where each has one value. */
interface Drawing {
  readonly title: string;
  readonly unit: string;
  readonly lines: readonly {
    readonly legend: string;
    readonly values: readonly (readonly [number, number])[];
  }[];
}

const [folder = "docs/images"] = Deno.args;
await using machine = await createMachine();
await scriptDocker(machine.bin, [{ when: "network inspect bridge *", stdout: "127.0.0.2\n" }]);
await using collector = startCollector();
await using stack = new AsyncDisposableStack();
const running = await Promise.all(
  EXAMPLES.map(async (example) => stack.use(await startExample(example, freePort(), collector.url))),
);
for (const { name, url } of running) {
  const { code, stderr } = await machine.launch(
    "adopt",
    url.replace("127.0.0.1", "localhost"),
    "--name",
    name,
  );
  if (code !== 0) throw new Error(`${name} was not adopted: ${stderr}`);
}
const extensions = join(machine.state, "extensions");
const prometheus = stack.use(await startPrometheus(extensions, running.map(({ name }) => name)));
stack.use(makeTraffic(running, FAIL_EVERY));
await new Promise((resolve) => setTimeout(resolve, MINUTES * 60_000)); // a picture of minutes takes minutes

const browser = await chromium.launch({ executablePath: CHROMIUM, args: ["--no-sandbox"] });
stack.defer(() => browser.close());
const page = await browser.newPage({ viewport: { width: 1_200, height: 800 } });
for (const { name } of running) {
  const dashboard = await ownDashboard(extensions, name);
  await draw(page, name, await drawingsOf(dashboard));
  await page.screenshot({ path: `${folder}/example-${name}.png`, fullPage: true });
}

async function drawingsOf({ panels }: Dashboard): Promise<Drawing[]> {
  const drawings = await Promise.all(
    panels.filter(({ type }) => type === "timeseries" || type === "stat").map(drawingOf),
  );
  return drawings.filter(({ lines }) => lines.length > 0);
}

async function drawingOf({ title, unit, queries, type }: Panel): Promise<Drawing> {
  const isNumber = type !== "timeseries";
  const lines = await Promise.all(queries.map(async ({ expr, legend }) => {
    const courses = await prometheus.range(expr, SHOWN_S, STEP_S);
    return courses.map((course) => ({
      legend: legendOf(legend, course),
      values: course.values.map(([at, value]) => [at, Number(value)] as const).slice(isNumber ? -1 : 0),
    }));
  }));
  return { title, unit: unit.replace("suffix: ", ""), lines: lines.flat() };
}

/** `{{route}}` stands for a label's value. */
function legendOf(template: string, { metric }: Course): string {
  return template.replaceAll(/\{\{\s*(\w+)\s*\}\}/g, (_whole, label) => metric[label] ?? "");
}

async function draw(page: Page, name: string, drawings: readonly Drawing[]): Promise<void> {
  await page.setContent(`<!doctype html><meta charset="utf-8"><title>${name}</title><style>${uPlotStyle}
    body { margin: 24px; font: 14px system-ui, sans-serif; color: #1f2328; background: #fff }
    h1 { font-size: 20px; margin: 0 0 16px }
    main { display: grid; grid-template-columns: repeat(12, 1fr); gap: 16px }
    section { grid-column: span 6; border: 1px solid #d0d7de; border-radius: 6px; padding: 12px }
    section.number { grid-column: span 3; font-size: 32px }
    h2 { font-size: 14px; margin: 0 0 8px } .u-legend { font-size: 12px; text-align: left }
    </style><h1>${name}</h1><main></main><script>${uPlotScript}</script>`);
  await page.evaluate(drawInPage, drawings as Drawing[]);
}

/** Runs in the browser, which knows nothing of this module. */
function drawInPage(drawings: Drawing[]): void {
  // deno-lint-ignore no-explicit-any -- the browser's, for which this program has no types
  const { document, uPlot } = globalThis as any;
  const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000"];
  const SCALES: [number, string][] = [[1e9, " G"], [1e6, " M"], [1e3, " k"]];
  function text(value: number, unit: string): string {
    if (unit === "percentunit") return `${(value * 100).toFixed(0)} %`;
    if (unit === "s" && value !== 0 && Math.abs(value) < 1) {
      return `${Number((value * 1_000).toPrecision(2))} ms`;
    }
    const suffix =
      ({ s: " s", reqps: "/s", ops: "/s", decbytes: "B", bytes: "B", short: "", none: "" } as Record<
        string,
        string
      >)[unit] ?? ` ${unit}`;
    const [by, prefix] = SCALES.find(([from]) => Math.abs(value) >= from) ?? [1, suffix === "B" ? " " : ""];
    return `${Number((value / by).toPrecision(3))}${prefix}${suffix}`;
  }
  const clock = (seconds: number) => new Date(seconds * 1_000).toISOString().slice(11, 16);
  for (const { title, unit, lines } of drawings) {
    const section = document.createElement("section");
    section.append(Object.assign(document.createElement("h2"), { textContent: title }));
    document.querySelector("main").append(section);
    if (lines.every(({ values }) => values.length === 1)) {
      section.className = "number";
      section.append(text(lines[0]!.values[0]![1], unit));
      continue;
    }
    const times = [...new Set(lines.flatMap(({ values }) => values.map(([at]) => at)))].sort();
    const columns = lines.map(({ values }) => {
      const known = new Map(values);
      return times.map((at) => known.get(at) ?? null);
    });
    new uPlot(
      {
        width: section.clientWidth - 24,
        height: 160,
        cursor: { show: false },
        legend: { live: false, markers: { width: 4 } },
        scales: {
          y: { range: (_plot: unknown, _least: number, most: number) => [0, most > 0 ? most * 1.1 : 1] },
        },
        axes: [{ space: 80, values: (_plot: unknown, all: number[]) => all.map(clock) }, {
          size: 88,
          values: (_plot: unknown, all: number[]) => all.map((value) => text(value, unit)),
        }],
        series: [
          {},
          ...lines.map(({ legend }, n) => ({
            label: legend || title,
            stroke: colours[n % colours.length],
            width: 2,
            points: { show: false },
          })),
        ],
      },
      [times, ...columns],
      section,
    );
  }
}
