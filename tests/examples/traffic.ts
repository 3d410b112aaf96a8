/** Requests to the examples, as callers send them. */
import { drained, type RunningExample } from "./example.ts";

export interface Traffic extends AsyncDisposable {
  /** Of the traces that were started. */
  readonly traceIds: ReadonlySet<string>;
}

/** Sends requests with sampled traces of their own until disposed; some fail. */
export function makeTraffic(services: readonly RunningExample[]): Traffic {
  const traceIds = new Set<string>();
  const stop = new AbortController();
  const hex = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)).toHex();
  const send = async (url: string) => {
    const traceId = hex(16);
    traceIds.add(traceId);
    await fetch(url, { headers: { traceparent: `00-${traceId}-${hex(8)}-01` } }).then(drained);
  };
  const sending = (async () => {
    while (!stop.signal.aborted) {
      await Promise.all(services.flatMap(({ url }) => [send(`${url}/orders/7`), send(`${url}/fail`)]));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return {
    traceIds,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await sending;
    },
  };
}
