/** The endpoints for machines: health and metrics. */
import { Hono } from "hono";
import type { Health } from "../core/health.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";

export interface OperationsOptions {
  readonly metrics: Metrics<"webhooks">;
  readonly readiness: () => Promise<Health>;
}

export function createOperations({ metrics, readiness }: OperationsOptions): Hono {
  const app = new Hono();
  app.get("/health/live", (c) => c.json({ status: "up", dependencies: {} }));
  app.get("/health/ready", async (c) => {
    const health = await readiness();
    return c.json(health, health.status === "up" ? 200 : 503);
  });
  app.get("/metrics", async (c) => {
    readiness(); // for app_dependency_up, as of the next scrape: a dependency that hangs must not delay this one
    const { body, contentType } = await metrics.expose(c.req.header("accept"));
    return c.body(body, 200, { "content-type": contentType });
  });
  return app;
}
