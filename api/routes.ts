/**
 * The table of routes. Each is declared once, in OpenAPI's words; the document, the router, the metrics that start at 0
 * and the answer to a wrong method are all made from it.
 */
import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import type { Handler } from "hono";
import type { DeclaredRoute, Env } from "./observe.ts";
import { Problem, type ProblemCode, PROBLEMS } from "./problem.ts";
import { ProblemJson } from "./schemas.ts";

export type App = OpenAPIHono<Env>;

export interface Routes {
  /** Adds a route. `problems` join its documented responses; any route may also answer 500. */
  add(route: RouteConfig, problems: readonly ProblemCode[], handler: Handler<Env>): void;
  /** Answers the methods that no route takes; to be called after the last `add`. */
  refuseOtherMethods(): void;
  readonly declared: readonly DeclaredRoute[];
}

const problemContent = { "application/problem+json": { schema: ProblemJson } };

export function createRoutes(app: App): Routes {
  const declared: DeclaredRoute[] = [];
  return {
    declared,
    add(route, problems, handler) {
      const responses = { ...route.responses };
      for (const code of [...problems, "internal"] as const) {
        const { status, title } = PROBLEMS[code];
        responses[status] ??= { description: title, content: problemContent };
      }
      app.openAPIRegistry.registerPath({ ...route, responses });
      const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
      app.on(route.method.toUpperCase(), path, handler);
      declared.push({ method: route.method, path, statuses: Object.keys(responses).map(Number) });
    },
    refuseOtherMethods() {
      for (const [path, routes] of Map.groupBy(declared, (route) => route.path)) {
        const methods = routes.map((route) => route.method.toUpperCase());
        if (methods.includes("GET")) methods.push("HEAD");
        const allow = [...methods, "OPTIONS"].join(", ");
        app.all(path, (c) => {
          if (c.req.method === "OPTIONS") return c.body(null, 204, { allow });
          throw new Problem("method-not-allowed", { allow, detail: `This resource takes ${allow}` });
        });
      }
    },
  };
}
