/** The canary: a run at every interval, with its results as metrics, and its health. */
import { listen } from "../core/listen.ts";
import { repeat } from "../core/retry.ts";
import type { Logger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { createWatch, type Run, STEPS, type WatchOptions } from "./watch.ts";

export interface CanaryOptions extends Omit<WatchOptions, "signal"> {
  /** From the beginning of one run to that of the next, in milliseconds. */
  readonly everyMs: number;
  readonly hostname: string;
  readonly port: number;
  readonly version: string;
  readonly log: Logger;
}

export interface Canary extends AsyncDisposable {
  /** The address of its metrics and health. */
  readonly url: string;
}

/** @throws {Error} when the port is taken */
export function startCanary(options: CanaryOptions): Canary {
  const { everyMs, hostname, port, version, log } = options;
  const metrics = createMetrics("canary", version);
  const stop = new AbortController();
  const watch = createWatch({ ...options, signal: stop.signal });
  metrics.canary_success.remove(); // unknown until the first run

  const beating = repeat("the canary", { log, signal: stop.signal }, async () => {
    const from = performance.now();
    show(await watch());
    return Math.max(0, everyMs - (performance.now() - from));
  });

  function show({ outcome, seconds, why }: Run): void {
    metrics.canary_runs_total.inc({ outcome });
    if (outcome === "failed") log.warn("canary failed", { reason: why });
    if (outcome === "skipped") return; // a skipped run says nothing
    // A model that is unavailable has alerts of its own.
    metrics.canary_success.set(outcome === "failed" ? 0 : 1);
    for (const step of STEPS) {
      const took = seconds[step];
      if (took === undefined) metrics.canary_step_seconds.remove({ step });
      else metrics.canary_step_seconds.set({ step }, took);
    }
  }

  const server = listen({
    hostname,
    port,
    setting: "--port",
    log,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/health/live") return Response.json({ status: "up" });
      if (pathname !== "/metrics") return new Response("Not found\n", { status: 404 });
      const { body, contentType } = await metrics.expose(request.headers.get("accept") ?? "");
      return new Response(body, { headers: { "content-type": contentType } });
    },
  });

  return {
    url: `http://${hostname}:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await beating;
      await server.shutdown();
    },
  };
}
