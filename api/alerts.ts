/**
 * Alertmanager's webhook: each alert becomes a log line and a count, which shows delivery without any
 * account.
 */
import { z } from "@hono/zod-openapi";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { type BodyLimits, readJson } from "./body.ts";
import type { Routes } from "./routes.ts";
import { parse } from "./schemas.ts";

/** Bytes. A group of all alerts at once is larger than any thought. */
const MAX_BYTES = 1_024 * 1_024;
const SEVERITIES = ["critical", "warning", "info", "none"] as const;
const STATUSES = ["firing", "resolved"] as const;

const Labels = z.record(z.string(), z.string());

/** Version 4 of the payload, as far as it is used. Unknown fields are allowed: newer versions add some. */
const Notification = z.object({
  alerts: z.array(z.object({
    status: z.enum(STATUSES),
    labels: Labels,
    annotations: Labels.default({}),
    startsAt: z.string().max(64).optional(),
  })).max(1_000),
}).openapi("AlertNotification");

export interface AlertsOptions {
  readonly metrics: Metrics<"api">;
  readonly log: Logger;
  readonly body: BodyLimits;
}

export function addAlerts(routes: Routes, { metrics, log, body }: AlertsOptions): void {
  const notifications = metrics.alert_notifications_total;
  for (const severity of [...SEVERITIES, "other"]) {
    for (const status of STATUSES) notifications.inc({ severity, status }, 0);
  }

  routes.add(
    {
      method: "post",
      path: "/alerts",
      tags: ["Operations"],
      scope: "alerts",
      operationId: "receiveAlerts",
      summary: "Alertmanager's webhook",
      description: "Each alert of the notification becomes a log line and a count.",
      request: { body: { required: true, content: { "application/json": { schema: Notification } } } },
      responses: { 204: { description: "Logged and counted" } },
    },
    ["invalid-request", "body-timeout", "body-too-large", "unsupported-media-type"],
    async (c) => {
      const { json } = await readJson(c.req.raw, { ...body, maxBytes: MAX_BYTES });
      const notification = crypto.randomUUID();
      for (const { status, labels, annotations, startsAt } of parse(Notification, json).alerts) {
        const severity = SEVERITIES.find((known) => known === labels.severity) ?? "other";
        notifications.inc({ severity, status });
        const alarming = status === "firing" && (severity === "critical" || severity === "warning");
        log[alarming ? "warn" : "info"]("alert received", {
          notification, // the same for all that arrived together
          alertname: labels.alertname?.slice(0, 200),
          severity,
          status,
          summary: annotations.summary?.slice(0, 500),
          starts_at: startsAt,
          drill: labels.drill?.slice(0, 200), // of a fast drill's own Prometheus
        });
      }
      return c.body(null, 204);
    },
  );
}
