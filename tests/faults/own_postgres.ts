/**
 * A PostgreSQL of one test's own, started again whenever it ends, as Docker's `restart: unless-stopped` does.
 */
import { freePort } from "../support/free_port.ts";
import { waitFor } from "../support/wait.ts";

export interface OwnPostgres extends AsyncDisposable {
  readonly url: string;
  /** How often the server has exited and was started again. */
  readonly restarts: number;
  /** Everything the server has said, over all its starts. */
  log(): string;
  /** SIGKILL to all its processes, as when its machine stops; it is not started again. */
  kill(): Promise<void>;
}

export interface OwnPostgresOptions {
  /** An empty folder for its data. @default one of its own, removed with it */
  readonly folder?: string;
  /**
   * Address of a server that this one follows as a streaming replica. @default none: a new and empty database
   */
  readonly copyOf?: string;
  /** Settings of the server, as `name=value`. @default none */
  readonly settings?: readonly string[];
  /** Called with the data's folder before the first start. */
  readonly prepare?: (folder: string, owner: Owner | undefined) => Promise<void>;
  /** The server's environment. @default empty */
  readonly env?: Readonly<Record<string, string>>;
}

/** Who the server runs as, where that is not who runs the test. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Before a server that ended is started again. */
const RESTART_PAUSE_MS = 500;

/** Makes a server and waits until it accepts connections. Its WAL segments are 1 MB, to save disk. */
export async function startOwnPostgres(
  { folder, copyOf, env = {}, settings: given = [], prepare }: OwnPostgresOptions,
): Promise<OwnPostgres> {
  await using stack = new AsyncDisposableStack();
  const data = folder ?? await Deno.makeTempDir({ prefix: "postgres-" });
  if (folder === undefined) stack.defer(() => Deno.remove(data, { recursive: true }));
  const programs = await newestPrograms();
  const owner = await ownerOf(data);
  const [program, ...args] = copyOf === undefined
    ? ["initdb", "-U", "postgres", "--auth=trust", "--no-sync", "--wal-segsize=1"]
    : ["pg_basebackup", "--write-recovery-conf", "--checkpoint=fast", "--no-sync", "-d", copyOf];
  const made = await new Deno.Command(`${programs}/${program}`, { args: [...args, "-D", data], ...owner })
    .output();
  if (!made.success) throw new Error(`${program} failed: ${new TextDecoder().decode(made.stderr)}`);

  const port = freePort();
  const settings = [`port=${port}`, "listen_addresses=127.0.0.1", "unix_socket_directories=", ...given];
  await prepare?.(data, owner);
  const start = () =>
    new Deno.Command(`${programs}/postgres`, {
      args: ["-D", data, ...settings.flatMap((setting) => ["-c", setting])],
      env,
      ...owner,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
  let said = "";
  let restarts = 0;
  let server: Deno.ChildProcess | undefined = start();
  const stopping = Promise.withResolvers<true>();
  const pause = () => new Promise<false>((resolve) => setTimeout(resolve, RESTART_PAUSE_MS, false));

  async function supervise() {
    while (server !== undefined) {
      for await (const chunk of server.stderr.pipeThrough(new TextDecoderStream())) said += chunk;
      await server.status;
      server = undefined;
      if (await Promise.race([stopping.promise, pause()])) return;
      restarts++;
      server = start();
    }
  }
  const supervised = supervise();
  async function end(how: (server: Deno.ChildProcess) => void) {
    stopping.resolve(true);
    if (server !== undefined) how(server);
    await supervised;
  }
  stack.defer(() => end((server) => server.kill("SIGQUIT"))); // at once: its data is no longer needed

  await waitFor("the test's own PostgreSQL", () => /ready to accept (read-only )?connections/.test(said), {
    describe: () => said,
  });
  const owned = stack.move();
  return {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    get restarts() {
      return restarts;
    },
    log: () => said,
    kill: () =>
      end((server) => {
        const backends = childrenOf(server.pid);
        server.kill("SIGKILL");
        for (const pid of backends) {
          try {
            Deno.kill(pid, "SIGKILL");
          } catch { /* it has noticed, and ended by itself */ }
        }
      }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function childrenOf(pid: number): number[] {
  const children = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`);
  return children.split(" ").filter((child) => child !== "").map(Number);
}

async function newestPrograms(): Promise<string> {
  const base = "/usr/lib/postgresql";
  const versions = (await Array.fromAsync(Deno.readDir(base))).map(({ name }) => Number(name));
  return `${base}/${Math.max(...versions)}/bin`;
}

/** PostgreSQL refuses to run as root: the folder is then given to the user that Debian's package made. */
async function ownerOf(folder: string): Promise<Owner | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const idOf = async (flag: string) =>
    Number(
      new TextDecoder().decode((await new Deno.Command("id", { args: [flag, "postgres"] }).output()).stdout),
    );
  const [uid, gid] = [await idOf("-u"), await idOf("-g")];
  await Deno.chown(folder, uid, gid);
  return { uid, gid };
}
