/** What the deliverer says of events while the store cannot be read. */
import { createDeliveries } from "../core/store/deliveries.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { waitFor } from "../tests/support/wait.ts";
import { runDeliverer } from "./deliverer.ts";

const GAUGES = ["webhook_overdue_seconds", "webhook_pending", "webhook_oldest_pending_seconds"];

testOnDatabase(
  "what waits is unknown while the store cannot be read, and known again after",
  async (database) => {
    const metrics = createMetrics("webhooks", "1");
    await database.query("alter table webhook_deliveries rename to webhook_deliveries_away");
    const stop = new AbortController();
    const running = runDeliverer({
      deliveries: createDeliveries(database),
      send: () => Promise.reject(new Error("nothing is due")),
      metrics,
      log: createLogger({ service: "test", write: () => {} }),
      signal: stop.signal,
      timeoutMs: 1_000,
      requestsPerHost: 1,
      retryFirstMs: 1_000,
      giveUpAfterMs: 60_000,
    });
    const known = async () => {
      const { body } = await metrics.expose();
      return GAUGES.filter((name) => body.includes(`\n${name} `)).length;
    };
    await waitFor("no samples", async () => await known() === 0);
    await database.query("alter table webhook_deliveries_away rename to webhook_deliveries");
    await waitFor("the samples", async () => await known() === GAUGES.length);
    stop.abort();
    await running;
  },
);
