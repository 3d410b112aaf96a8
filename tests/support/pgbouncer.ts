/** A real PgBouncer before a PostgreSQL, as providers of databases have one. */
import { freePort } from "./free_port.ts";
import { required } from "./services.ts";
import { waitFor } from "./wait.ts";

export interface PgBouncer extends AsyncDisposable {
  /** As the server's, by way of the pooler. */
  readonly url: string;
}

/** Whether the program is here; where services are required, a test without it fails. */
export const hasPgBouncer = required || await exists("/usr/sbin/pgbouncer");

/** Starts one that hands the same two connections of the server to all its clients in turn. */
export async function startPgBouncer(
  serverUrl: string,
  { mode }: { readonly mode: "session" | "transaction" },
): Promise<PgBouncer> {
  const server = new URL(serverUrl);
  const folder = await Deno.makeTempDir({ prefix: "pgbouncer-" });
  await Deno.chmod(folder, 0o755);
  const port = freePort();
  await Deno.writeTextFile(
    `${folder}/pgbouncer.ini`,
    `[databases]
* = host=${server.hostname} port=${server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
auth_file =
pool_mode = ${mode}
default_pool_size = ${mode === "transaction" ? 2 : 20}
${server.username === "" ? "" : `stats_users = ${server.username}`}
`.replace("* =", `* = user=${server.username}`),
  );
  // It refuses to run as root.
  const owner = Deno.uid() === 0 ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] : [];
  const [program, ...args] = [...owner, "/usr/sbin/pgbouncer", "--quiet", `${folder}/pgbouncer.ini`];
  const child = new Deno.Command(program!, { args, stdin: "null", stdout: "null", stderr: "piped" }).spawn();
  const said = new Response(child.stderr).text();
  await waitFor("PgBouncer", async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  });
  const url = new URL(serverUrl);
  url.host = `127.0.0.1:${port}`;
  return {
    url: url.href,
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      await child.status;
      await said;
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
