/** Endpoints for machines: health and metrics. */
import { z } from "@hono/zod-openapi";
import type { Health } from "../core/health.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { Keys } from "./keys.ts";
import type { Routes } from "./routes.ts";

const Up = z.enum(["up", "down"]);
const HealthJson = z.strictObject({
  status: Up,
  dependencies: z.record(
    z.string(),
    z.strictObject({
      status: Up,
      latency_ms: z.number(),
      reason: z.string().optional(),
    }),
  ),
}).openapi("Health");

export interface OperationsOptions {
  readonly metrics: Metrics<"api">;
  readonly readiness: () => Promise<Health>;
  /** Counted in the metrics. @default none */
  readonly keys?: Pick<Keys, "counts"> | undefined;
}

/** Prometheus scrapes every 15 s; after this long without a scrape it counts as gone. */
const SCRAPED_WITHIN_MS = 60_000;

/** @returns whether Prometheus has scraped this process recently: then the monitoring stack is up */
export function addOperations(
  routes: Routes,
  { metrics, readiness, keys }: OperationsOptions,
): () => boolean {
  let scrapedAt = -Infinity;
  const health = (description: string) => ({
    description,
    content: { "application/json": { schema: HealthJson } },
  });

  routes.add(
    {
      method: "get",
      path: "/health/live",
      operationId: "getLiveness",
      tags: ["Operations"],
      summary: "Whether this process runs",
      description: "Ignores its dependencies; for supervisors that restart hung processes.",
      responses: { 200: health("It runs") },
    },
    [],
    (c) => c.json({ status: "up", dependencies: {} }),
  );

  routes.add(
    {
      method: "get",
      path: "/health/ready",
      operationId: "getReadiness",
      tags: ["Operations"],
      summary: "Whether this process can do its work",
      description: "Each dependency with its response time; for load balancers.",
      responses: { 200: health("Every dependency is up"), 503: health("A dependency is down") },
    },
    [],
    async (c) => {
      const health = await readiness();
      return c.json(health, health.status === "up" ? 200 : 503);
    },
  );

  routes.add(
    {
      method: "get",
      path: "/metrics",
      operationId: "getMetrics",
      tags: ["Operations"],
      summary: "Metrics for Prometheus",
      description: "In the text format, or in OpenMetrics with exemplars where `Accept` asks for it.",
      responses: {
        200: { description: "Metrics", content: { "text/plain": { schema: z.string() } } },
      },
    },
    [],
    async (c) => {
      if (c.req.header("user-agent")?.startsWith("Prometheus/")) scrapedAt = performance.now();
      readiness(); // for app_dependency_up, as of the next scrape: a dependency that hangs must not delay this one
      const { valid = 0, expired = 0, broken = 0 } = keys?.counts() ?? {};
      for (const [state, count] of Object.entries({ valid, expired, broken })) {
        metrics.api_keys.set({ state }, count);
      }
      const { body, contentType } = await metrics.expose(c.req.header("accept"));
      return c.body(body, 200, { "content-type": contentType });
    },
  );
  return () => performance.now() - scrapedAt < SCRAPED_WITHIN_MS;
}
