/** An HTTP server on a port. */

export interface ListenOptions {
  readonly hostname: string;
  /** 0 takes any free port. */
  readonly port: number;
  /** The setting that changes the port, named when it is taken. */
  readonly setting: string;
  readonly fetch: (request: Request, connection: Deno.ServeHandlerInfo) => Response | Promise<Response>;
}

/** @throws {Error} when the port is taken */
export function listen({ hostname, port, setting, fetch }: ListenOptions): Deno.HttpServer<Deno.NetAddr> {
  try {
    return Deno.serve({ hostname, port, onListen() {} }, (request, info) => fetch(request, info));
  } catch (error) {
    if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    throw new Error(
      `Cannot listen on ${hostname}:${port}: another program does. Stop it or set ${setting}.`,
      { cause: error },
    );
  }
}
