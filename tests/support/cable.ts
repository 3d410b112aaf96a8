/** A TCP connection to a real service that can be cut, or go silent as a network does that loses packets. */
export interface Cable extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Resolves when so many connections are open. */
  carries(connections: number): Promise<void>;
  /** Breaks every connection; new ones work. */
  cut(): void;
  /** From now on nothing comes through: connections are accepted and never answered. */
  block(): void;
  /** New connections work again; those that were silent stay so. */
  unblock(): void;
}

export function layCable(to: { readonly hostname: string; readonly port: number }): Cable {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Set<{ near: Deno.Conn; far?: Deno.Conn; silent: boolean }>();
  let blocked = false;

  async function carry(near: Deno.Conn) {
    const line: { near: Deno.Conn; far?: Deno.Conn; silent: boolean } = { near, silent: blocked };
    open.add(line);
    const far = line.far = await Deno.connect(to);
    const pump = async (from: Deno.Conn, into: Deno.Conn) => {
      const buffer = new Uint8Array(64 * 1024);
      for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
        if (line.silent) continue;
        for (let at = 0; at < read;) at += await into.write(buffer.subarray(at, read));
      }
    };
    await Promise.race([pump(near, far), pump(far, near)].map((pumped) => pumped.catch(() => {})));
    close(line);
  }

  function close(line: { near: Deno.Conn; far?: Deno.Conn }) {
    for (const end of [line.near, line.far]) {
      try {
        end?.close();
      } catch { /* the other side was faster */ }
    }
    open.delete(line as never);
  }

  (async () => {
    for await (const near of listener) carry(near).catch(() => {});
  })().catch(() => {});

  return {
    port: listener.addr.port,
    async carries(connections) {
      while (open.size < connections) await new Promise((resolve) => setTimeout(resolve, 5));
    },
    cut() {
      for (const line of open) close(line);
    },
    block() {
      blocked = true;
      for (const line of open) line.silent = true;
    },
    unblock() {
      blocked = false;
    },
    [Symbol.asyncDispose]() {
      listener.close();
      for (const line of open) close(line);
      return Promise.resolve();
    },
  };
}
