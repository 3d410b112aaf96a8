/** Receives traces while tracing is measured, and only counts them. */
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
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${server.addr.port}`,
      OTEL_TRACES_SAMPLER_ARG: String(ratio),
    }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
