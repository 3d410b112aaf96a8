/** One thought on a running stack (`deno task monitoring`): trace, log lines, exemplar and span metrics lead to each other. */
import assert from "node:assert/strict";
import { waitFor } from "../support/wait.ts";
import { API, ask, LOKI, PROMETHEUS, stackRuns, TEMPO } from "./stores.ts";

const running = await stackRuns("trace, logs and metrics of one thought");
const SERVICES = ["kafka-worker", "thoughtprocessor-api"];
/** A scrape is due every 15 s, span metrics come with the one after. */
const TIMEOUT_MS = 90_000;

Deno.test({
  name: "a thought's trace id is in Tempo, in Loki, in an exemplar, and its spans are in the span metrics",
  ignore: !running,
  async fn() {
    const traceId = crypto.randomUUID().replaceAll("-", "");
    const began = Math.floor(Date.now() / 1_000);
    const response = await fetch(`${API}/thoughts`, {
      method: "POST",
      headers: { "content-type": "application/json", traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
      body: JSON.stringify({ user_id: "correlation", text: `I wonder about ${traceId}` }),
    });
    assert.equal(response.status, 201);
    const { id } = await response.json();

    const wait = <T>(what: string, look: () => Promise<T | undefined | false>) =>
      waitFor(what, look, { timeoutMs: TIMEOUT_MS, everyMs: 1_000 });
    const range = () => ({ start: `${began - 5}`, end: `${Math.floor(Date.now() / 1_000) + 1}` });

    await wait("the trace in Tempo, with spans of both services", async () => {
      const found = JSON.stringify(await ask(`${TEMPO}/api/v2/traces/${traceId}`).catch(() => ({})));
      return SERVICES.every((service) => found.includes(`"${service}"`));
    });
    await wait("its log lines in Loki, of both services", async () => {
      const query = `{service=~"${SERVICES.join("|")}"} | trace_id="${traceId}"`;
      const { data } = await ask(`${LOKI}/loki/api/v1/query_range`, { query, ...range() });
      const services = new Set(
        data.result.map(({ stream }: { stream: { service: string } }) => stream.service),
      );
      return SERVICES.every((service) => services.has(service));
    });
    for (const histogram of ["http_request_duration_seconds", "batch_processor_end_to_end_seconds"]) {
      await wait(`an exemplar of ${histogram} with its id`, async () => {
        const exemplars = await ask(`${PROMETHEUS}/api/v1/query_exemplars`, {
          query: `${histogram}_bucket`,
          ...range(),
        });
        return JSON.stringify(exemplars).includes(traceId);
      });
    }
    await wait("span metrics of both services", async () => {
      const { data } = await ask(`${PROMETHEUS}/api/v1/query`, {
        query: "sum by (service) (traces_spanmetrics_calls_total)",
      });
      const services = data.result.map(({ metric }: { metric: { service: string } }) => metric.service);
      return SERVICES.every((service) => services.includes(service));
    });
    const deleted = await fetch(`${API}/thoughts/${id}`, { method: "DELETE" });
    assert.equal(deleted.status, 204);
  },
});
