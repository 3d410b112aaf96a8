/** A process under measurement: started as in production, with its CPU time and memory read from the kernel. */
import { waitFor } from "../tests/support/wait.ts";

export interface Subject extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  signal(name: Deno.Signal): void;
  /** CPU time so far, of all its threads, in seconds. */
  cpuS(): number;
  /** The most memory that was resident so far, in bytes. */
  peakMemoryBytes(): number;
}

export interface SubjectOptions {
  /** Its address is known from this variable: `API_PORT` or `WORKER_PORT`. */
  readonly portVariable: "API_PORT" | "WORKER_PORT";
  /** Arguments of `deno run`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Linux counts CPU time in these, whatever its own tick is (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_S = 100;
const ROOT = new URL("..", import.meta.url).pathname;

/** Starts a process, its log thrown away, and waits until it is ready. */
export async function startSubject({ portVariable, args, env }: SubjectOptions): Promise<Subject> {
  const port = freePort();
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", ...args],
    cwd: ROOT,
    env: { API_PORT: "0", WORKER_PORT: "0", ...env, [portVariable]: String(port) },
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  const complaints = child.stderr.pipeThrough(new TextDecoderStream()).values();
  const stderr = Array.fromAsync(complaints).then((texts) => texts.join(""));
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const url = `http://127.0.0.1:${port}`;
  const subject: Subject = {
    url,
    pid: child.pid,
    signal: (name) => child.kill(name),
    cpuS() {
      const [user, system] = fields(child.pid).slice(11, 13).map(Number);
      return (user! + system!) / TICKS_PER_S;
    },
    peakMemoryBytes() {
      const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
      return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1_024;
    },
    async [Symbol.asyncDispose]() {
      if (!ended) child.kill("SIGTERM");
      await status;
    },
  };
  try {
    await waitFor(`${args.at(-1)} is ready`, async () => {
      if (ended) return true;
      const response = await fetch(`${url}/health/ready`);
      await response.body?.cancel();
      return response.ok;
    }, { timeoutMs: 60_000 });
  } catch (error) {
    await subject[Symbol.asyncDispose]();
    throw error;
  }
  if (ended) throw new Error(`${args.at(-1)} ended before it was ready: ${await stderr}`);
  return subject;
}

/** The fields of /proc/PID/stat behind the program's name, which may hold spaces: the state is the first. */
function fields(pid: number): string[] {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
