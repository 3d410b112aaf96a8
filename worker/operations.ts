/** The worker's endpoints for machines: health and metrics. */
import { Hono } from "hono";
import type { Health } from "../core/health.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import type { GateState } from "./gate.ts";
import type { Lanes } from "./lanes.ts";
import type { Relay } from "./relay.ts";
import { showGate } from "./gauges.ts";

export interface OperationsOptions {
  readonly metrics: Metrics<"worker">;
  readonly readiness: () => Promise<Health>;
  /** Whether this worker is a live member of the consumer group now. */
  readonly active: () => boolean;
  readonly gate: () => GateState;
  readonly lanes: Pick<Lanes, "busy">;
  readonly relay: () => Pick<Relay, "blockedMs">;
}

export function createOperations(
  { metrics, readiness, active, gate, lanes, relay }: OperationsOptions,
): Hono {
  const app = new Hono();
  app.get("/health/live", (c) => c.json({ status: "up", dependencies: {} }));
  app.get("/health/ready", async (c) => {
    const health = await readiness();
    // An unavailable model does not make a worker unready: it keeps its claims and resumes by itself.
    return c.json({ ...health, model: modelHealth(gate()) }, health.status === "up" ? 200 : 503);
  });
  app.get("/metrics", async (c) => {
    readiness(); // for app_dependency_up, as of the next scrape: a dependency that hangs must not delay this one
    metrics.batch_processor_active_workers.set(active() ? 1 : 0);
    metrics.batch_processor_lanes_busy.set(lanes.busy());
    metrics.batch_processor_outbox_age_seconds.set(relay().blockedMs() / 1_000);
    showGate(metrics, gate());
    const { body, contentType } = await metrics.expose(c.req.header("accept"));
    return c.body(body, 200, { "content-type": contentType });
  });
  return app;
}

type ModelHealth =
  | { readonly status: "up" }
  | { readonly status: "degraded"; readonly reason: GateState["reason"]; readonly since: string | null };

function modelHealth({ status, reason, since }: GateState): ModelHealth {
  if (status === "open") return { status: "up" };
  return { status: "degraded", reason, since: since === null ? null : new Date(since).toISOString() };
}
