/** The live page at `/`, its files, and the state it asks for every two seconds. */
import { pageHeaders } from "../headers.ts";
import { addFiles, type PageFile } from "../files.ts";
import type { Routes } from "../routes.ts";
import { noticeOf } from "./notice.ts";
import { Page } from "./page.tsx";
import type { Sampler } from "./sampler.ts";
import { TILES } from "./tiles.ts";

export interface PageOptions {
  readonly sampler: Sampler;
  readonly version: string;
  /** Whether Prometheus is up: it scraped this API recently. */
  readonly monitored: () => boolean;
}

const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Text = Promise<{ readonly default: string }>;
const file = (type: PageFile["type"], load: () => Text): PageFile => ({
  type,
  load: async () => (await load()).default,
});

const FILES: Readonly<Record<string, PageFile>> = {
  "page.js": file(
    "text/javascript",
    () => import("./page.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "thought.js": file(
    "text/javascript",
    () => import("./thought.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "element.js": file(
    "text/javascript",
    () => import("./element.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "timeline.js": file(
    "text/javascript",
    () => import("./timeline.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "list.js": file(
    "text/javascript",
    () => import("./list.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "notice.js": file(
    "text/javascript",
    () => import("./notice.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "api.js": file("text/javascript", () => import("./api.js", { with: { type: "text" } }) as unknown as Text),
  "plots.js": file(
    "text/javascript",
    () => import("./plots.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "uplot.js": file(
    "text/javascript",
    () => import("uplot/dist/uPlot.esm.js", { with: { type: "text" } }) as unknown as Text,
  ),
  "uplot.css": file("text/css", () => import("uplot/dist/uPlot.min.css", { with: { type: "text" } })),
  "page.css": file("text/css", () => import("./page.css", { with: { type: "text" } })),
  "thought.css": file("text/css", () => import("./thought.css", { with: { type: "text" } })),
  "tiles.css": file("text/css", () => import("./tiles.css", { with: { type: "text" } })),
  "icon.svg": file("image/svg+xml", () => import("./icon.svg", { with: { type: "text" } })),
};

export function addPage(routes: Routes, { sampler, version, monitored }: PageOptions): void {
  const html = `<!doctype html>${<Page version={version} />}`;
  routes.addPage("/", (c) => c.html(html, 200, pageHeaders(CSP)));
  routes.addPage("/samples", (c) => {
    const samples = sampler.read();
    const newest = samples.at(-1);
    const series = (key: "at" | "accepted" | "processed" | "waiting") => samples.map((sample) => sample[key]);
    return c.json({
      monitored: monitored(),
      notice: newest && noticeOf(newest),
      tiles: newest === undefined ? {} : Object.fromEntries(
        TILES.map(({ key, value, level }) => [key, { value: value(newest), level: level(newest) }]),
      ),
      history: {
        at: series("at"),
        accepted: series("accepted"),
        processed: series("processed"),
        waiting: series("waiting"),
      },
    });
  });
  addFiles(routes, "/live", FILES);
}
