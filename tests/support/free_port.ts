/** A TCP port for a program that cannot choose one itself. */

/** A port on loopback that is free now; another program may still take it first. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
