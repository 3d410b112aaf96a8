/** A TCP proxy before a real service, which can break its connections, or go silent as a network that loses packets. */
import { waitFor } from "./wait.ts";

export interface TcpProxy extends AsyncDisposable {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Resolves when this many connections are open. */
  connected(connections: number): Promise<void>;
  /** Breaks every connection; new ones work. */
  cut(): void;
  /** From now on nothing passes: connections are accepted and never served. */
  block(): void;
  /** New connections work again; silent ones stay silent. */
  unblock(): void;
  /** New connections are refused; open ones go on. */
  refuse(): void;
  /** Breaks every connection; new ones go to another server, as when a name moves to it. */
  redirect(to: Target): void;
}

interface Target {
  readonly hostname: string;
  readonly port: number;
}

interface Link {
  readonly near: Deno.Conn;
  far?: Deno.Conn;
  silent: boolean;
}

/** @param port to listen on @default any */
export function startTcpProxy(
  target: Target,
  { port = 0 }: { readonly port?: number } = {},
): TcpProxy {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const open = new Set<Link>();
  let to = target;
  let blocked = false;

  async function carry(near: Deno.Conn) {
    const link: Link = { near, silent: blocked };
    open.add(link);
    try {
      await join(link);
    } catch { /* the server is not there */ }
    close(link);
  }

  async function join(link: Link) {
    const { near } = link;
    const far = link.far = await Deno.connect(to);
    const pump = async (from: Deno.Conn, into: Deno.Conn) => {
      const buffer = new Uint8Array(64 * 1_024);
      for (let read = await from.read(buffer); read !== null; read = await from.read(buffer)) {
        if (link.silent) continue;
        for (let at = 0; at < read;) at += await into.write(buffer.subarray(at, read));
      }
    };
    await Promise.race([pump(near, far), pump(far, near)].map((pumped) => pumped.catch(() => {})));
  }

  function cut() {
    for (const link of open) close(link);
  }

  function close(link: Link) {
    for (const end of [link.near, link.far]) {
      try {
        end?.close();
      } catch { /* the other side has closed it already */ }
    }
    open.delete(link);
  }

  (async () => {
    for await (const near of listener) carry(near);
  })().catch(() => {});

  return {
    port: listener.addr.port,
    async connected(connections) {
      await waitFor(`${connections} open connections`, () => open.size >= connections, { everyMs: 5 });
    },
    cut,
    block() {
      blocked = true;
      for (const link of open) link.silent = true;
    },
    unblock() {
      blocked = false;
    },
    refuse: () => listener.close(),
    redirect(target) {
      to = target;
      cut();
    },
    [Symbol.asyncDispose]() {
      try {
        listener.close();
      } catch { /* it refuses already */ }
      cut();
      return Promise.resolve();
    },
  };
}
