/** How long Prometheus waits for `/metrics`. */
import type { MeasuredProcess } from "./measured_process.ts";

export interface Scrapes {
  /** Lines that are samples. */
  readonly series: number;
  readonly bytes: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

const PAUSE_MS = 50;

/** Scrapes again and again until told to stop, as Prometheus asks: OpenMetrics first. */
export async function measureScrapes(measured: MeasuredProcess, until: Promise<unknown>): Promise<Scrapes> {
  let over = false;
  until.finally(() => over = true).catch(() => {});
  const times: number[] = [];
  let text = "";
  while (!over) {
    const startedAt = performance.now();
    const response = await fetch(`${measured.url}/metrics`, {
      headers: { accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5" },
    });
    text = await response.text();
    times.push(performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  times.sort((a, b) => a - b);
  return {
    series: text.split("\n").filter((line) => line !== "" && !line.startsWith("#")).length,
    bytes: text.length,
    p50Ms: times[Math.floor(times.length * 0.5)]!,
    p95Ms: times[Math.floor(times.length * 0.95)]!,
  };
}

/** Brings the API to a thousand series and more: every route with every status it has. */
export async function makeSeries(api: MeasuredProcess): Promise<void> {
  const paths = [
    "/",
    "/docs",
    "/openapi.json",
    "/health/live",
    "/health/ready",
    "/thoughts",
    "/thoughts/1",
    "/nothing",
  ];
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
  for (
    const path of [...paths, `/thoughts/${crypto.randomUUID()}`, "/thoughts/1/events", "/alerts", "/metrics"]
  ) {
    for (const method of methods) {
      const response = await fetch(api.url + path, { method, redirect: "manual" });
      await response.body?.cancel();
    }
  }
}
