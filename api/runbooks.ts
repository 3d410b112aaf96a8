/**
 * `/runbooks` and `/runbooks/NAME`: what to do about an alert, from docs/runbooks.md, also without a network.
 */
import { pageHeaders } from "./headers.ts";
import { z } from "@hono/zod-openapi";
import { Marked } from "marked";
import { Problem } from "./problem.ts";
import type { Routes } from "./routes.ts";

/** Nothing is loaded; a table's alignment is a style. */
const CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'none'";

const STYLE = `
  :root { color-scheme: light dark; }
  body { font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem; }
  pre { overflow-x: auto; padding: 0.75rem; border: 1px solid color-mix(in srgb, currentcolor 25%, transparent); }
  table { border-collapse: collapse; }
  th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; vertical-align: top; }
`;

interface Page {
  readonly title: string;
  readonly markdown: string;
}

export function addRunbooks(routes: Routes): void {
  let pages: Promise<ReadonlyMap<string, Page>> | undefined;
  const load = () => pages ??= readPages();

  routes.add(
    {
      method: "get",
      path: "/runbooks",
      operationId: "getRunbooks",
      tags: ["Documentation"],
      summary: "The runbooks of all alerts",
      description: "A page that leads to each of them.",
      responses: { 200: { description: "A page", content: { "text/html": { schema: { type: "string" } } } } },
    },
    [],
    async (c) => {
      const all = await load();
      const names = [...all.keys()].filter((name) => name !== "");
      const list = names.map((name) => `- [${name}](/runbooks/${name})`).join("\n");
      const html = render({ title: "Runbooks", markdown: `${all.get("")!.markdown}\n${list}\n` }, names);
      return c.html(html, 200, pageHeaders(CSP));
    },
  );

  routes.add(
    {
      method: "get",
      path: "/runbooks/{alert}",
      operationId: "getRunbook",
      tags: ["Documentation"],
      summary: "What to do about an alert",
      description: "By the alert's name, as in `runbook_url`.",
      request: { params: z.object({ alert: z.string().max(100) }) },
      responses: { 200: { description: "A page", content: { "text/html": { schema: { type: "string" } } } } },
    },
    ["route-not-found"],
    async (c) => {
      const all = await load();
      const page = all.get(c.req.param("alert") || "none");
      if (page === undefined) throw new Problem("route-not-found");
      return c.html(render(page, [...all.keys()]), 200, pageHeaders(CSP));
    },
  );
}

/** The sections of docs/runbooks.md by their headings; the text before the first has the name "". */
async function readPages(): Promise<ReadonlyMap<string, Page>> {
  const { default: text } = await import("../docs/runbooks.md", { with: { type: "text" } });
  return new Map(
    text.split(/^(?=## )/m).map((markdown) => {
      const title = markdown.match(/^## (\w+)\n/)?.[1] ?? "";
      return [title, { title, markdown }];
    }),
  );
}

function render({ title, markdown }: Page, names: readonly string[]): string {
  const marked = new Marked({
    async: false,
    walkTokens(token) {
      if (token.type !== "link") return;
      // Within the file a heading's anchor, here a page; other files are not served.
      const name = names.find((name) => `#${name.toLowerCase()}` === token.href);
      if (name !== undefined) token.href = `/runbooks/${name}`;
    },
    renderer: {
      link({ href, text }) {
        return /^(https?:|\/)/.test(href) ? `<a href="${escape(href)}">${escape(text)}</a>` : escape(text);
      },
    },
  });
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escape(title)}</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
${marked.parse(markdown)}
</main>
<p><a href="/runbooks">All runbooks</a></p>
</body>
</html>
`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
