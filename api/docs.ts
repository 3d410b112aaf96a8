/**
 * The API's description: `/openapi.json`, and `/docs` to read and try it. Swagger UI comes from npm, nothing
 * from another host.
 */
import { pageHeaders } from "./headers.ts";
import { addFiles, type PageFile } from "./files.ts";
import type { App, Routes } from "./routes.ts";
import { staticText } from "./static_text.ts";

const START =
  `SwaggerUIBundle({ url: "openapi.json", dom_id: "#docs", deepLinking: true, validatorUrl: null });\n`;

const FILES: Readonly<Record<string, PageFile>> = {
  "swagger-ui.css": {
    type: "text/css",
    load: async () => (await import("swagger-ui-dist/swagger-ui.css", { with: { type: "text" } })).default,
  },
  "swagger-ui.js": {
    type: "text/javascript",
    load: async () =>
      (await import("swagger-ui-dist/swagger-ui-bundle.js", { with: { type: "text" } })).default,
  },
  "start.js": { type: "text/javascript", load: () => Promise.resolve(START) },
};

/** Swagger UI draws its icons from data: addresses. */
const DOCS_CSP = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Thought Processor API</title>
<link rel="icon" href="live/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<main id="docs"></main>
<script src="docs/swagger-ui.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

export function addDocs(app: App, routes: Routes, version: string): void {
  const document = staticText({
    type: "application/json",
    headers: { "cache-control": "no-cache" },
    load: () =>
      JSON.stringify(app.getOpenAPI31Document({
        openapi: "3.1.0",
        info: {
          title: "Thought Processor",
          version,
          description:
            "Post thoughts, have them analysed, see it happen. Errors are RFC 9457 problems; each type " +
            "leads to a page that says what to do.",
          license: { name: "MIT", url: "https://opensource.org/license/mit" },
          contact: { name: "The maintainers: SECURITY.md says how to reach them" },
        },
        // Relative to this document, wherever a reverse proxy serves it.
        servers: [{ url: ".", description: "This server" }],
        tags: [
          { name: "Thoughts", description: "Post, read, follow and delete thoughts" },
          { name: "Webhooks", description: "Be told when thoughts end, instead of asking" },
          { name: "Operators", description: "Failures, redrives, cancellations, and the workers' pause" },
          { name: "Operations", description: "For machines: health, metrics, alerts" },
          { name: "Documentation", description: "This document, and what problems and alerts mean" },
        ],
      })),
  });
  routes.add(
    {
      method: "get",
      path: "/openapi.json",
      operationId: "getDocument",
      tags: ["Documentation"],
      summary: "This document",
      description: "The whole contract, in OpenAPI 3.1.",
      responses: {
        200: {
          description: "OpenAPI 3.1",
          content: { "application/json": { schema: { type: "object" } } },
        },
      },
    },
    [],
    document,
  );

  addFiles(routes, "/docs", FILES);

  routes.add(
    {
      method: "get",
      path: "/docs",
      operationId: "getDocumentPage",
      tags: ["Documentation"],
      summary: "This document, to read and try out",
      description: "A page with a form for each operation; it loads nothing from another host.",
      responses: { 200: { description: "A page", content: { "text/html": { schema: { type: "string" } } } } },
    },
    [],
    (c) => c.html(PAGE, 200, pageHeaders(DOCS_CSP)),
  );
}
