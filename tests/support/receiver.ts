/** A receiver of webhooks on a port of this machine, which keeps what it gets. */
import { waitFor } from "./wait.ts";

export interface Received {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: readonly Received[];
  /** Waits until it has got so many. */
  got(count: number): Promise<readonly Received[]>;
}

export type Respond = (received: Received, count: number, request: Request) => Response | Promise<Response>;

const ACCEPT: Respond = () => new Response(null, { status: 204 });

/** @param respond gets how many requests there were, with this one @default accepts everything */
export function startReceiver(
  respond: Respond = ACCEPT,
  tls: { readonly cert?: string; readonly key?: string; readonly hostname?: string } = {},
): Receiver {
  const received: Received[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {}, ...tls } as Deno.ServeTcpOptions,
    async (request) => {
      const one = {
        path: new URL(request.url).pathname,
        headers: Object.fromEntries(request.headers),
        body: await request.text(),
      };
      received.push(one);
      return await respond(one, received.length, request);
    },
  );
  return {
    url: `${tls.cert === undefined ? "http" : "https"}://127.0.0.1:${server.addr.port}`,
    received,
    got: (count) =>
      waitFor(`${count} events`, () => received.length >= count && received, {
        timeoutMs: 15_000,
        everyMs: 10,
        describe: () => received.length,
      }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
