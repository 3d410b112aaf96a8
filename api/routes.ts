/**
 * The table of routes. Each is declared once, in OpenAPI's words; the document, the router, access checks,
 * the metrics that start at 0 and the response to a wrong method are all derived from it.
 */
import { OpenAPIHono, type RouteConfig, type z } from "@hono/zod-openapi";
import type { Handler, MiddlewareHandler } from "hono";
import type { DeclaredRoute, Env } from "./observe.ts";
import type { Scope } from "./keys.ts";
import { Problem, type ProblemCode, PROBLEMS } from "./problem.ts";
import { ProblemJson } from "./schemas.ts";

export type App = OpenAPIHono<Env>;

export interface Route extends Omit<RouteConfig, "security"> {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  /** The scope that an API key needs. @default the route is open to everybody */
  readonly scope?: Scope;
  /**
   * The path has no other route, though one with a parameter in it would match: its other methods are refused here.
   * Such a route is added before the other.
   */
  readonly sole?: boolean;
}

/** An event that the service posts to a caller's webhook. */
export interface WebhookEvent {
  readonly name: string;
  readonly operationId: string;
  readonly summary: string;
  readonly headers: z.ZodObject;
  readonly schema: z.ZodType;
}

export interface Routes {
  /** Adds a route. `problems` join its documented responses; every route may also return 500. */
  add(route: Route, problems: readonly ProblemCode[], handler: Handler<Env>): void;
  /** Adds a resource that is not part of the API and in no document, such as a page's file. */
  addPage(path: string, handler: Handler<Env>): void;
  /** Adds an event to the document's webhooks. */
  addEvent(event: WebhookEvent): void;
  /** Refuses the methods that no route supports. Call it after the last `add`. */
  refuseOtherMethods(): void;
  readonly declared: readonly DeclaredRoute[];
}

/** No cache may store what only some may see. */
const noStore: MiddlewareHandler = (c, next) => {
  c.header("cache-control", "no-store");
  return next();
};
const problemContent = { "application/problem+json": { schema: ProblemJson } };

/** Headers that responses share, by the name of their component in the document. */
const HEADERS = {
  RequestId: "Leads to the request's log line, when tracing is off",
  TraceId: "The request's trace, when tracing is on",
  RetryAfter: "Seconds after which to try again",
  WwwAuthenticate: "How to authenticate",
  RateLimit: "What is left of the limit, and the seconds until it resets",
  RateLimitPolicy: "The limit, and its window in seconds",
} as const;
const header = (name: keyof typeof HEADERS) => ({ $ref: `#/components/headers/${name}` });

/** The headers of a response, by its status. */
function headersOf(status: number, limited: boolean) {
  return {
    "x-request-id": header("RequestId"),
    "x-trace-id": header("TraceId"),
    ...(status === 401 ? { "www-authenticate": header("WwwAuthenticate") } : {}),
    ...(status === 429 || status === 503 ? { "retry-after": header("RetryAfter") } : {}),
    ...(limited ? { "ratelimit": header("RateLimit"), "ratelimit-policy": header("RateLimitPolicy") } : {}),
  };
}

/** @param guards the checks that run before the handler of a route with a scope */
export function createRoutes(app: App, guards: (scope: Scope) => readonly MiddlewareHandler<Env>[]): Routes {
  const declared: DeclaredRoute[] = [];
  const pages: { readonly path: string; readonly method: string }[] = [];
  const document = app.openAPIRegistry;
  document.registerComponent("securitySchemes", "apiKey", {
    type: "http",
    scheme: "bearer",
    description: "A key made with `deno task key`. Needed only where the API is configured with keys.",
  });
  for (const [name, description] of Object.entries(HEADERS)) {
    document.registerComponent("headers", name, { description, schema: { type: "string" } });
  }
  function refuseOthers(path: string, methods: readonly string[]) {
    const allow = [...methods, "OPTIONS"].join(", ");
    app.all(path, (c) => {
      if (c.req.method === "OPTIONS") return c.body(null, 204, { allow });
      throw new Problem("method-not-allowed", {
        headers: { allow },
        detail: `This resource takes ${allow}.`,
      });
    });
  }

  return {
    declared,
    add({ scope, sole = false, ...route }, problems, handler) {
      const limited = scope !== undefined;
      const refusals = limited ? ["unauthorized", "forbidden", "misdirected", "rate-limited"] as const : [];
      const responses = { ...route.responses };
      // An invalid host name is refused everywhere.
      for (const code of [...problems, ...refusals, "invalid-request", "internal"] as const) {
        const { status, title } = PROBLEMS[code];
        responses[status] ??= { description: title, content: problemContent };
      }
      for (const [status, response] of Object.entries(responses)) {
        if ("$ref" in response) continue;
        responses[status] = {
          ...response,
          headers: { ...response.headers, ...headersOf(Number(status), limited) },
        };
      }
      document.registerPath({
        ...route,
        description: limited
          ? `${route.description}\n\nScope of the API key: \`${scope}\`.`
          : route.description,
        security: limited ? [{ apiKey: [] }] : [],
        responses,
      });
      const path = route.path.replaceAll(/\{(\w+)\}/g, ":$1");
      const method = route.method.toUpperCase();
      for (const guard of limited ? [noStore, ...guards(scope)] : []) app.on(method, path, guard);
      app.on(method, path, handler);
      if (sole) refuseOthers(path, [method]);
      declared.push({ method: route.method, path, statuses: Object.keys(responses).map(Number) });
    },
    addPage(path, handler) {
      app.get(path, handler);
      pages.push({ path, method: "get" });
    },
    addEvent({ name, operationId, summary, headers, schema }) {
      document.registerWebhook({
        method: "post",
        path: name,
        operationId,
        tags: ["Webhooks"],
        summary,
        description:
          "Respond with any status of 2xx within seconds, and work on it afterwards: anything else is tried again " +
          "after growing pauses. The thought itself is at `GET /thoughts/{id}`.",
        security: [],
        request: { headers, body: { required: true, content: { "application/json": { schema } } } },
        responses: {
          "2XX": { description: "Accepted" },
          "410": { description: "Not wanted: this event is not tried again" },
        },
      });
    },
    refuseOtherMethods() {
      for (const [path, routes] of Map.groupBy([...declared, ...pages], (route) => route.path)) {
        const methods = routes.map((route) => route.method.toUpperCase());
        if (methods.includes("GET")) methods.push("HEAD");
        refuseOthers(path, methods);
      }
    },
  };
}
