/** What a PostgreSQL on this machine takes: processor time, as the kernel counts it, and write-ahead log. */
import postgres from "postgres";

export interface DatabaseServer extends AsyncDisposable {
  usage(): Promise<Usage>;
}

/** So far. */
export interface Usage {
  /** CPU time of all its processes, and of those that have ended, in seconds. */
  readonly cpuS: number;
  /** Written to the log. */
  readonly walBytes: number;
}

/** What a thousand thoughts took. */
export interface UsagePer1000 {
  readonly cpuMs: number;
  readonly walBytes: number;
}

/** Linux counts CPU time in these, whatever its own tick is (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_S = 100;

/** @returns undefined if the server runs on another machine, or in a container of its own */
export async function openDatabaseServer(databaseUrl: string): Promise<DatabaseServer | undefined> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  const [row] = await sql.unsafe<{ pid: number }[]>("select pg_backend_pid() as pid");
  const backend = stat(row!.pid);
  if (backend === undefined || !backend.name.startsWith("postgres")) return void await sql.end();
  const { parent: postmaster } = backend;
  return {
    async usage() {
      let ticks = stat(postmaster)!.ticks + stat(postmaster)!.ofEnded;
      for (const { name } of Deno.readDirSync("/proc")) {
        const process = /^\d+$/.test(name) ? stat(Number(name)) : undefined;
        if (process?.parent === postmaster) ticks += process.ticks;
      }
      const [row] = await sql.unsafe<{ bytes: number }[]>(
        "select (pg_current_wal_insert_lsn() - '0/0')::float8 as bytes",
      );
      return { cpuS: ticks / TICKS_PER_S, walBytes: row!.bytes };
    },
    [Symbol.asyncDispose]: () => sql.end(),
  };
}

export function usagePer1000(before: Usage, after: Usage, thoughts: number): UsagePer1000 {
  return {
    cpuMs: (after.cpuS - before.cpuS) / thoughts * 1e6,
    walBytes: (after.walBytes - before.walBytes) / thoughts * 1e3,
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
