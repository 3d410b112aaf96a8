/**
 * A process under measurement: started as in production, with its CPU time and memory read from the kernel.
 */
import { freePort } from "../tests/support/free_port.ts";
import { startProcess } from "../tests/support/process.ts";
import { waitFor } from "../tests/support/wait.ts";

export interface MeasuredProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  signal(name: Deno.Signal): void;
  /** CPU time so far, of all its threads, in seconds. */
  cpuS(): number;
  /** Resident memory now, in bytes. */
  memoryBytes(): number;
  /** The peak of resident memory so far, in bytes. */
  peakMemoryBytes(): number;
}

export interface MeasuredProcessOptions {
  /** The variable that sets its port: `API_PORT` or `WORKER_PORT`. */
  readonly portVariable: "API_PORT" | "WORKER_PORT";
  /** Arguments of `deno run`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Linux counts CPU time in these, whatever its own tick is (proc(5), sysconf(_SC_CLK_TCK)). */
const TICKS_PER_S = 100;

/** Starts a process, its log discarded, and waits until it is ready. */
export async function startMeasuredProcess(
  { portVariable, args, env }: MeasuredProcessOptions,
): Promise<MeasuredProcess> {
  const port = freePort();
  const child = startProcess({
    args,
    env: { API_PORT: "0", WORKER_PORT: "0", ...env, [portVariable]: String(port) },
    stdout: "null",
  });
  const url = `http://127.0.0.1:${port}`;
  const measured: MeasuredProcess = {
    url,
    ...measure(child.pid),
    signal: child.kill,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
  try {
    await waitFor(`${args.at(-1)} is ready`, async () => {
      if (child.exited) return true;
      const response = await fetch(`${url}/health/ready`);
      await response.body?.cancel();
      return response.ok;
    }, { timeoutMs: 60_000 });
  } catch (error) {
    await measured[Symbol.asyncDispose]();
    throw error;
  }
  if (child.exited) {
    await child[Symbol.asyncDispose]();
    throw new Error(`${args.at(-1)} ended before it was ready: ${child.stderr()}`);
  }
  return measured;
}

/** Starts so many at the same time. */
export async function startAll(
  count: number,
  start: () => Promise<MeasuredProcess>,
): Promise<{ readonly all: readonly MeasuredProcess[] } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const all = await Promise.all(Array.from({ length: count }, async () => stack.use(await start())));
  const owned = stack.move();
  return { all, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** Reads what a process takes. */
export function measure(
  pid: number,
): Pick<MeasuredProcess, "pid" | "cpuS" | "memoryBytes" | "peakMemoryBytes"> {
  const memory = (field: "VmRSS" | "VmHWM") => {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)![1]) * 1_024;
  };
  return {
    pid,
    cpuS() {
      const [user, system] = fields(pid).slice(11, 13).map(Number);
      return (user! + system!) / TICKS_PER_S;
    },
    memoryBytes: () => memory("VmRSS"),
    peakMemoryBytes: () => memory("VmHWM"),
  };
}

/** The fields of /proc/PID/stat behind the program's name, which may hold spaces: the state is the first. */
function fields(pid: number): string[] {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}
