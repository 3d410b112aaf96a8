/**
 * The table of routes. Each is declared once, in OpenAPI's words; the document, the router, the metrics that start at 0
 * and the answer to a wrong method are all made from it.
 */
import { OpenAPIHono, type RouteConfig } from "@hono/zod-openapi";
import type { Handler, MiddlewareHandler } from "hono";
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

/** The `security` of a route that API keys and rate limits guard. */
export const KEYED: NonNullable<RouteConfig["security"]> = [{ apiKey: [] }];

const problemContent = { "application/problem+json": { schema: ProblemJson } };

/** @param guards run before the handler of each route that has a `security` */
export function createRoutes(app: App, guards: readonly MiddlewareHandler<Env>[] = []): Routes {
  const declared: DeclaredRoute[] = [];
  app.openAPIRegistry.registerComponent("securitySchemes", "apiKey", { type: "http", scheme: "bearer" });
  return {
    declared,
    add(route, problems, handler) {
      const responses = { ...route.responses };
      const guarded = route.security !== undefined;
      const refusals = guarded ? ["unauthorized", "misdirected", "rate-limited"] as const : [];
      for (const code of [...problems, ...refusals, "internal"] as const) {
        const { status, title } = PROBLEMS[code];
        responses[status] ??= { description: title, content: problemContent };
      }
      app.openAPIRegistry.registerPath({ ...route, responses });
      const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
      const method = route.method.toUpperCase();
      for (const guard of guarded ? guards : []) app.on(method, path, guard);
      app.on(method, path, handler);
      declared.push({ method: route.method, path, statuses: Object.keys(responses).map(Number) });
    },
    refuseOtherMethods() {
      for (const [path, routes] of Map.groupBy(declared, (route) => route.path)) {
        const methods = routes.map((route) => route.method.toUpperCase());
        if (methods.includes("GET")) methods.push("HEAD");
        const allow = [...methods, "OPTIONS"].join(", ");
        app.all(path, (c) => {
          if (c.req.method === "OPTIONS") return c.body(null, 204, { allow });
          throw new Problem("method-not-allowed", {
            headers: { allow },
            detail: `This resource takes ${allow}`,
          });
        });
      }
    },
  };
}
