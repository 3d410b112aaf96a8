/** The pages that problem types link to: what each means, and what a client can do. */
import { pageHeaders } from "./headers.ts";
import { z } from "@hono/zod-openapi";
import { Problem, PROBLEM_CODES, type ProblemCode, type ProblemDeclaration, PROBLEMS } from "./problem.ts";
import type { Routes } from "./routes.ts";

const CSP = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const Code = z.enum(PROBLEM_CODES);

export function addProblems(routes: Routes): void {
  routes.add(
    {
      method: "get",
      path: "/problems/{code}",
      operationId: "getProblem",
      tags: ["Documentation"],
      summary: "What a problem means",
      description: "The page that a problem's type links to.",
      request: { params: z.strictObject({ code: Code }) },
      responses: { 200: { description: "A page", content: { "text/html": { schema: { type: "string" } } } } },
    },
    ["route-not-found"],
    (c) => {
      const code = Code.safeParse(c.req.param("code"));
      if (!code.success) throw new Problem("route-not-found");
      return c.html(page(code.data), 200, pageHeaders(CSP));
    },
  );
}

function page(code: ProblemCode): string {
  const { status, title, help, retryAfterS }: ProblemDeclaration = PROBLEMS[code];
  const again = retryAfterS === undefined ? "" : `<p>Try again after ${retryAfterS} s.</p>\n`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}: ${code}</title>
</head>
<body>
<main>
<h1>${title}</h1>
<p><code>${code}</code>, status ${status}</p>
<p>${help.replaceAll(/`([^`]+)`/g, "<code>$1</code>")}</p>
${again}<p><a href="../docs">API documentation</a></p>
</main>
</body>
</html>
`;
}
