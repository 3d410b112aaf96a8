/** Requests to the examples, as callers send them. */
import { drained, type RunningExample } from "./example.ts";

export interface Traffic extends AsyncDisposable {
  /** Of the traces that were started. */
  readonly traceIds: ReadonlySet<string>;
}

/**
 * Sends requests with sampled traces of their own until disposed; some fail.
 *
 * @param failEvery of so many rounds one has a request that fails
 */
export function makeTraffic(services: readonly RunningExample[], failEvery = 1): Traffic {
  const traceIds = new Set<string>();
  const stop = new AbortController();
  const hex = (bytes: number) => crypto.getRandomValues(new Uint8Array(bytes)).toHex();
  const send = async (url: string) => {
    const traceId = hex(16);
    traceIds.add(traceId);
    await fetch(url, { headers: { traceparent: `00-${traceId}-${hex(8)}-01` } }).then(drained);
  };
  const sending = (async () => {
    for (let round = 0; !stop.signal.aborted; round++) {
      const paths = ["/orders/7", ...(round % failEvery === 0 ? ["/fail"] : [])];
      await Promise.all(services.flatMap(({ url }) => paths.map((path) => send(url + path))));
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
