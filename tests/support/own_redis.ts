/** One test's own Redis, for what a shared one cannot be: protected, a replica, a cluster, over TLS. */
import { freePort } from "./free_port.ts";
import { waitFor } from "./wait.ts";

export interface OwnRedis extends AsyncDisposable {
  readonly port: number;
  /** Runs a command as its administrator. */
  command(...args: string[]): Promise<string>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
}

/**
 * Starts one and waits until it responds.
 *
 * @param args as on its command line, over a server that keeps nothing
 * @param admin how redis-cli reaches it, beside its port
 */
export async function startOwnRedis(
  args: readonly string[] = [],
  { admin = [], tls = false }: { readonly admin?: readonly string[]; readonly tls?: boolean } = {},
): Promise<OwnRedis> {
  const folder = await Deno.makeTempDir({ prefix: "redis-" });
  const port = freePort();
  const ports = tls ? ["--port", "0", "--tls-port", String(port)] : ["--port", String(port)];
  const child = new Deno.Command("redis-server", {
    args: [...ports, "--bind", "127.0.0.1", "--save", "", "--dir", folder, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  const command = async (...given: string[]) => {
    const cli = new Deno.Command("redis-cli", {
      args: ["-p", String(port), ...admin, ...given],
      stderr: "piped",
    });
    return new TextDecoder().decode((await cli.output()).stdout).trim();
  };
  let ended = false;
  child.status.then(() => ended = true);
  const kill = async () => {
    if (!ended) child.kill("SIGKILL");
    await child.status;
  };
  await waitFor("the test's own Redis", async () => await command("ping") === "PONG");
  return {
    port,
    command,
    kill,
    async [Symbol.asyncDispose]() {
      await kill(); // its data is no longer needed
      await Deno.remove(folder, { recursive: true });
    },
  };
}
