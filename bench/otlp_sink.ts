/** Where traces go while tracing is measured: takes whatever comes, and only counts it. */
export interface Sink extends AsyncDisposable {
  readonly bytes: number;
  /** The environment that makes a process trace this share of its thoughts and export to here. */
  env(ratio: number): Readonly<Record<string, string>>;
}

export function startSink(): Sink {
  let bytes = 0;
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    bytes += (await request.arrayBuffer()).byteLength;
    return new Response();
  });
  return {
    get bytes() {
      return bytes;
    },
    env: (ratio) => ({
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: "bench",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
      OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
      OTEL_TRACES_SAMPLER_ARG: String(ratio),
      OTEL_DENO_CONSOLE: "ignore",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_LOGS_EXPORTER: "none",
    }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
