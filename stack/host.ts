/** The machine under the launcher: processes, HTTP and time. Tests pass another one. */
export interface Host {
  /**
   * Runs a program to its end. Never throws for what the program does: a missing program returns code 127,
   * one that exceeds its deadline is killed and returns `timedOut`.
   *
   * @throws the signal's reason once the host's signal is aborted
   */
  run(program: string, args: readonly string[], options: RunOptions): Promise<Output>;
  /** Runs a program that takes over the terminal. @returns its exit code */
  attach(
    program: string,
    args: readonly string[],
    options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
  ): Promise<number>;
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds on a monotonic clock. */
  now(): number;
  /** @throws the signal's reason once the host's signal, or the one given, is aborted */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  /**
   * The same machine, for work that Ctrl-C must not interrupt: it reaches neither that work nor its programs.
   */
  uninterrupted(): Host;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The program is killed after this many milliseconds; with `onLine`, this long after its last line. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Called with each line of stdout as it comes. */
  readonly onLine?: (line: string) => void;
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
 * @param detached programs are run where a terminal's Ctrl-C does not reach them
 * @default false
 */
export function localHost(signal: AbortSignal, detached = false): Host {
  return {
    signal,
    now: () => performance.now(),
    fetch: (url, init) => fetch(url, { ...init, signal: anyOf(signal, init.signal) }),
    attach: async (program, args, options) => {
      const child = spawn(program, { args: [...args], ...options, stdin: "inherit" });
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
  { cwd, env, deadlineMs, signal: other, onLine }: RunOptions,
  signal: AbortSignal,
  detached: boolean,
): Promise<Output> {
  const stop = anyOf(signal, other);
  stop.throwIfAborted();
  const deadline = new AbortController();
  let timer = setTimeout(() => deadline.abort(), deadlineMs);
  const onOutput = onLine && ((line: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => deadline.abort(), deadlineMs);
    onLine(line);
  });
  const timedOut = { code: 124, stdout: "", stderr: "", timedOut: true };
  try {
    const child = spawn(program, {
      args: [...args],
      ...(cwd !== undefined && { cwd }),
      ...(env && { env }),
      detached,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: AbortSignal.any([stop, deadline.signal]),
    });
    const [{ code }, stdout, stderr] = await Promise.all([
      child.status,
      textOf(child.stdout, onOutput),
      textOf(child.stderr),
    ]);
    stop.throwIfAborted();
    return deadline.signal.aborted ? timedOut : { code, stdout, stderr, timedOut: false };
  } catch (error) {
    stop.throwIfAborted();
    if (deadline.signal.aborted) return timedOut;
    if (error instanceof Deno.errors.NotFound) {
      return { code: 127, stdout: "", stderr: `${program}: not found`, timedOut: false };
    }
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

/** Variables of the dynamic linker that are set here, cleared for every program. */
const linkerVariables: Record<string, string> = {};

/**
 * Starts a program. With a limited `--allow-run` Deno refuses that while a variable such as LD_LIBRARY_PATH
 * is set (CUDA, conda, ROS and Nix set it), and names it: denoland/deno#26839. The launcher's programs do not
 * need any.
 */
function spawn(program: string, options: Deno.CommandOptions): Deno.ChildProcess {
  const command = () =>
    new Deno.Command(program, { ...options, env: { ...options.env, ...linkerVariables } }).spawn();
  try {
    return command();
  } catch (error) {
    const names = error instanceof Deno.errors.NotCapable ? error.message.match(/\b(LD|DYLD)_\w+/g) : null;
    if (!names) throw error;
    for (const name of names) linkerVariables[name] = "";
    return command();
  }
}

async function textOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine?: (line: string) => void,
): Promise<string> {
  let text = "";
  let line = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (!onLine) continue;
    const lines = (line + chunk).split("\n");
    line = lines.pop()!;
    lines.forEach(onLine);
  }
  if (onLine && line) onLine(line);
  return text;
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
