/** A receiver of traces over OTLP, which says whether one has arrived. */

/** Takes traces, in whatever encoding: protobuf holds a trace's id as bytes, JSON as text. */
export function startCollector() {
  const bodies: Uint8Array[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const body = await request.bytes();
    if (new URL(request.url).pathname === "/v1/traces") bodies.push(body);
    return new Response("{}", { headers: { "content-type": request.headers.get("content-type") ?? "" } });
  });
  const latin = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    has: (service: string, traceId: string) =>
      bodies.map(latin).some((body) =>
        body.includes(service) &&
        (body.includes(traceId) || body.includes(latin(Uint8Array.fromHex(traceId))))
      ),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
