/** What machines ask of a worker: health and metrics. */
import { Hono } from "hono";
import type { Health } from "../core/health.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";

export interface OperationsOptions {
  readonly metrics: Metrics<"worker">;
  readonly readiness: () => Promise<Health>;
  /** Whether this worker is a live member of the consumer group now. */
  readonly active: () => boolean;
}

export function createOperations({ metrics, readiness, active }: OperationsOptions): Hono {
  const app = new Hono();
  app.get("/health/live", (c) => c.json({ status: "up", dependencies: {} }));
  app.get("/health/ready", async (c) => {
    const health = await readiness();
    return c.json(health, health.status === "up" ? 200 : 503);
  });
  app.get("/metrics", async (c) => {
    readiness(); // for app_dependency_up, as of the next scrape: a dependency that hangs must not delay this one
    metrics.batch_processor_active_workers.set(active() ? 1 : 0);
    const { body, contentType } = await metrics.expose(c.req.header("accept"));
    return c.body(body, 200, { "content-type": contentType });
  });
  return app;
}
