/** The machine under the launcher: processes, HTTP and time. Tests pass another one. */
export interface Host {
  /**
   * Runs a program to its end. Never throws for what the program does: a program that is not there gives code
   * 127, one that outlives its deadline is killed and gives `timedOut`.
   *
   * @throws the signal's reason once the host's signal is aborted
   */
  run(program: string, args: readonly string[], options: RunOptions): Promise<Output>;
  /** Runs a program that takes over the terminal. @returns its exit code */
  attach(
    program: string,
    args: readonly string[],
    options: { cwd: string; env: Record<string, string> },
  ): Promise<number>;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** @throws the signal's reason once the host's signal, or the one given, is aborted */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /** The same machine, for work that Ctrl-C must not interrupt: it reaches neither that work nor its programs. */
  uninterrupted(): Host;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Record<string, string>;
  /** The program is killed after this many milliseconds. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
}

/**
 * The machine this process runs on.
 *
 * @param detached programs are run where a terminal's Ctrl-C does not reach them @default false
 */
export function localHost(signal: AbortSignal, detached = false): Host {
  return {
    signal,
    now: () => performance.now(),
    fetch: (url, init) => fetch(url, { ...init, signal: anyOf(signal, init.signal) }),
    attach: async (program, args, options) => {
      const child = new Deno.Command(program, { args: [...args], ...options, stdin: "inherit" }).spawn();
      return (await child.status).code;
    },
    run: (program, args, options) => run(program, args, options, signal, detached),
    sleep: (ms, other) => sleep(ms, anyOf(signal, other)),
    uninterrupted: () => localHost(new AbortController().signal, true),
  };
}

async function run(
  program: string,
  args: readonly string[],
  { cwd, env, deadlineMs, signal: other }: RunOptions,
  signal: AbortSignal,
  detached: boolean,
): Promise<Output> {
  const stop = anyOf(signal, other);
  stop.throwIfAborted();
  const deadline = AbortSignal.timeout(deadlineMs);
  try {
    const command = new Deno.Command(program, {
      args: [...args],
      cwd,
      env,
      detached,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.any([stop, deadline]),
    });
    const { code, stdout, stderr } = await command.output();
    stop.throwIfAborted();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr), timedOut: deadline.aborted };
  } catch (error) {
    stop.throwIfAborted();
    if (deadline.aborted) return { code: 124, stdout: "", stderr: "", timedOut: true };
    if (error instanceof Deno.errors.NotFound) {
      return { code: 127, stdout: "", stderr: `${program}: not found`, timedOut: false };
    }
    throw error;
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal.addEventListener("abort", abort, { once: true });
  });
}

function anyOf(signal: AbortSignal, other: AbortSignal | null | undefined): AbortSignal {
  return other ? AbortSignal.any([signal, other]) : signal;
}
