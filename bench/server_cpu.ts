/** The processor time of a PostgreSQL on this machine, read from the kernel. */
import postgres from "postgres";

export interface ServerCpu extends AsyncDisposable {
  /** So far, of all its processes and of those that have ended, in seconds. */
  cpuS(): number;
}

/** Linux counts CPU time in these, whatever its own tick is (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_S = 100;

/** @returns undefined if the server runs on another machine, or in a container of its own */
export async function openServerCpu(databaseUrl: string): Promise<ServerCpu | undefined> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  const [row] = await sql.unsafe<{ pid: number }[]>("select pg_backend_pid() as pid");
  const backend = stat(row!.pid);
  if (backend === undefined || !backend.name.startsWith("postgres")) return void await sql.end();
  const { parent: postmaster } = backend;
  return {
    cpuS() {
      let ticks = stat(postmaster)!.ticks + stat(postmaster)!.ofEnded;
      for (const { name } of Deno.readDirSync("/proc")) {
        const process = /^\d+$/.test(name) ? stat(Number(name)) : undefined;
        if (process?.parent === postmaster) ticks += process.ticks;
      }
      return ticks / TICKS_PER_S;
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}

interface Stat {
  readonly name: string;
  readonly parent: number;
  readonly ticks: number;
  /** Of its children that have ended. */
  readonly ofEnded: number;
}

function stat(pid: number): Stat | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  } catch {
    return undefined; // it has ended
  }
  const name = text.slice(text.indexOf("(") + 1, text.lastIndexOf(")"));
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
  return { name, parent: fields[1]!, ticks: fields[11]! + fields[12]!, ofEnded: fields[13]! + fields[14]! };
}
