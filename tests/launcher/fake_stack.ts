/** The HTTP side of a running stack: API, worker, Prometheus and Loki on one port. */

export interface FakeStack extends AsyncDisposable {
  readonly port: number;
  /** Bodies of the thoughts that were posted. */
  readonly posted: { traceparent: string }[];
  /** Paths of the thoughts that were deleted. */
  readonly deleted: readonly string[];
}

export interface Behaviour {
  /** A job whose target is down, with Prometheus's own error. */
  readonly down?: { job: string; error: string };
  /** Thoughts stay as they are. */
  readonly neverProcess?: boolean;
  /** An alert that Prometheus knows and that is silent. */
  readonly alert?: { name: string; severity: string };
  /** The API admits requests with this key alone. */
  readonly key?: string;
  /** Jobs of scrape files; Prometheus knows them after a reload. */
  readonly own?: () => readonly string[];
  /** How often Prometheus was told to reload. */
  readonly reloads?: () => number;
  /** Prometheus refuses its files at the first reload. */
  readonly refusesReload?: boolean;
  /** Why jobs of scrape files are down. */
  readonly ownError?: string;
}

const JOBS = ["thoughtprocessor-api", "kafka-worker", "webhooks", "prometheus", "loki"];

export function fakeStack({ down, neverProcess = false, alert, ...extended }: Behaviour = {}): FakeStack {
  const { key, own = () => [], reloads = () => 0, refusesReload = false, ownError = "" } = extended;
  const posted: FakeStack["posted"] = [];
  const deleted: string[] = [];
  let scrapes = 0;
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const isApi = pathname.startsWith("/thoughts");
    if (isApi && key !== undefined && request.headers.get("authorization") !== `Bearer ${key}`) {
      return Response.json({ code: "unauthorized" }, { status: 401 });
    }
    if (pathname === "/thoughts") {
      const traceparent = request.headers.get("traceparent") ?? "";
      posted.push({ traceparent });
      const headers = { "x-trace-id": traceparent.split("-")[1] ?? "" };
      return Response.json({ id: `thought-${posted.length}`, status: "pending" }, { status: 201, headers });
    }
    if (request.method === "DELETE") {
      deleted.push(pathname);
      return new Response(null, { status: 204 });
    }
    if (pathname.startsWith("/thoughts/")) {
      return Response.json({
        status: neverProcess ? "pending" : "completed",
        attempts: neverProcess ? 0 : 1,
      });
    }
    if (pathname === "/metrics") {
      const done = neverProcess ? 0 : posted.length;
      const worked = !refusesReload || reloads() !== 1;
      return new Response(
        `batch_processor_thoughts_processed_total{analyser="local"} ${done}
prometheus_config_last_reload_successful ${worked ? 1 : 0}
prometheus_config_last_reload_success_timestamp_seconds ${worked ? reloads() : 0}
`,
      );
    }
    if (pathname === "/health/ready") {
      const queue = neverProcess ? { status: "down", reason: "no broker" } : { status: "up" };
      return Response.json({ dependencies: { database: { status: "up" }, queue } }, {
        status: neverProcess ? 503 : 200,
      });
    }
    if (pathname === "/api/v1/targets") {
      scrapes++;
      const activeTargets = JOBS.map((job) => ({
        labels: { job },
        scrapeUrl: `http://${job}/metrics`,
        health: job === down?.job ? "down" : "up",
        lastError: job === down?.job ? down.error : "",
        lastScrape: `scrape ${scrapes}`,
      }));
      const adopted = own().map((job) => ({
        labels: { job },
        scrapeUrl: `http://${job}/metrics`,
        health: ownError ? "down" : "up",
        lastError: ownError,
        lastScrape: `scrape ${scrapes}`,
      }));
      return Response.json({ data: { activeTargets: [...activeTargets, ...adopted] } });
    }
    if (searchParams.get("query")?.includes("batch_processor_thoughts_processed_total")) {
      return Response.json({ data: { result: [{ value: [1, `${neverProcess ? 0 : posted.length}`] }] } });
    }
    if (pathname.startsWith("/api/v2/traces/")) {
      const resourceSpans = ["thoughtprocessor-api", "kafka-worker"].map((service) => ({
        resource: { attributes: [{ key: "service.name", value: { stringValue: service } }] },
        scopeSpans: [{ spans: [{}] }],
      }));
      return Response.json({ trace: { resourceSpans } });
    }
    if (searchParams.get("query")?.includes("service=~")) {
      const result = ["thoughtprocessor-api", "kafka-worker"].map((service) => ({
        stream: { service },
        values: [["1", "a line"]],
      }));
      return Response.json({ data: { result } });
    }
    if (pathname === "/api/v1/query" || pathname === "/api/v1/query_range") {
      return Response.json({ data: { result: [{ values: [[1, "5"]], value: [1, "5"] }] } });
    }
    if (pathname === "/loki/api/v1/query_range") {
      return Response.json({ data: { result: [{ stream: {}, values: [["1", "a line"]] }] } });
    }
    if (pathname === "/api/v1/rules") {
      const { name, severity } = alert ?? {};
      const rule = { name, labels: { severity }, duration: 60, state: "inactive" };
      const alerting = alert && searchParams.get("type") === "alert";
      return Response.json({ data: { groups: alerting ? [{ rules: [rule] }] : [] } });
    }
    return new Response("not found", { status: 404 });
  });
  return { port: server.addr.port, posted, deleted, [Symbol.asyncDispose]: () => server.shutdown() };
}
