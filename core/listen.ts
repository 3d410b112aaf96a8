/**
 * An HTTP server that survives: when it cannot accept connections, as without free file descriptors, it
 * listens again.
 */
import { pause } from "./retry.ts";
import { type Logger, reason } from "./telemetry/log.ts";

export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The setting that changes the port, named when it is taken. */
  readonly setting: string;
  readonly fetch: (request: Request, connection: Deno.ServeHandlerInfo) => Response | Promise<Response>;
  readonly log: Logger;
  /** Called each time accepting fails. */
  readonly onFailure?: () => void;
  /** Before it listens again. @default 1_000 */
  readonly pauseMs?: number;
}

export interface Listener {
  readonly addr: Deno.NetAddr;
  /** Refuses new connections; resolves when the requests in progress are done. */
  shutdown(): Promise<void>;
  /** Resolves when it has been shut down. */
  readonly finished: Promise<void>;
}

/** @throws {Error} when the port is taken */
export function listen(options: ListenOptions): Listener {
  const { hostname, setting, fetch, log, onFailure, pauseMs = 1_000 } = options;
  const serve = (port: number) =>
    Deno.serve({ hostname, port, onListen() {} }, (request, info) => fetch(request, info));
  const stopping = new AbortController();
  let server: Deno.HttpServer<Deno.NetAddr>;
  try {
    server = serve(options.port);
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Error(
      `Cannot listen on ${hostname}:${options.port}: the port is taken. Stop the other program or set ${setting}.`,
      { cause: error },
    );
  }
  const { addr } = server;
  const finished = (async () => {
    while (!stopping.signal.aborted) {
      try {
        await server.finished;
        return;
      } catch (error) {
        log.error("server cannot accept connections, listening again", { reason: reason(error) });
        onFailure?.();
      }
      // Connections that are open stay open meanwhile, and are served.
      while (!stopping.signal.aborted) {
        await pause(pauseMs, stopping.signal);
        if (stopping.signal.aborted) return;
        try {
          server = serve(addr.port);
          break;
        } catch (error) {
          log.error("server cannot listen, trying again", { reason: reason(error) });
        }
      }
    }
  })();
  return {
    addr,
    finished,
    async shutdown() {
      stopping.abort();
      await server.shutdown().catch(() => {}); // it has failed before
      await finished;
    },
  };
}
