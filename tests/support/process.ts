/** Real processes of this repository's programs, started as their tasks start them. */
import { waitFor } from "./wait.ts";

export interface ProcessOptions {
  /** Of `deno`. @default "run" */
  readonly command?: "run" | "task";
  /** Permission set, flags, program, as in `["-P=api", "api/main.ts"]`; or the task's name. */
  readonly args: readonly string[];
  /** The whole environment but for PATH, HOME and DENO_DIR: what tests are given does not leak in. */
  readonly env: Readonly<Record<string, string>>;
  /** Folder of the source. @default this repository */
  readonly root?: string;
  /** What happens to stdout; `null` costs a measured process nothing. @default "piped" */
  readonly stdout?: "piped" | "null";
}

export interface RunningProcess extends AsyncDisposable {
  readonly pid: number;
  /** Everything it has written to stdout. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly status: Promise<Deno.CommandStatus>;
  /** True once it has ended, for whatever reason. */
  readonly exited: boolean;
  kill(signal: Deno.Signal): void;
}

export const ROOT = new URL("../../", import.meta.url).pathname;

/** Starts a process; disposing it sends SIGTERM and waits until it has ended. */
export function startProcess(
  { command = "run", args, env, root = ROOT, stdout = "piped" }: ProcessOptions,
): RunningProcess {
  const inherited = Object.fromEntries(
    ["PATH", "HOME", "DENO_DIR"].map((name) => [name, Deno.env.get(name) ?? ""]),
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", ...args],
    cwd: root,
    clearEnv: true,
    env: { ...inherited, NO_COLOR: "1", ...env },
    stdin: "null",
    stdout,
    stderr: "piped",
  }).spawn();
  const out = stdout === "piped" ? gather(child.stdout) : { text: () => "", done: Promise.resolve() };
  const err = gather(child.stderr);
  let exited = false;
  const status = child.status.finally(() => exited = true);
  return {
    pid: child.pid,
    stdout: out.text,
    stderr: err.text,
    status,
    get exited() {
      return exited;
    },
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch { /* it has ended already */ }
      await status;
      await Promise.all([out.done, err.done]);
    },
  };
}

/** The URL that a program's log names in this field once it listens. */
export async function loggedUrl(program: RunningProcess, field: string): Promise<string> {
  const pattern = new RegExp(`"${field}":"(http://[^"]+)"`);
  return await waitFor(`a log line with ${field}`, () => {
    const found = program.stdout().match(pattern)?.[1];
    return Promise.resolve(found);
  }, { timeoutMs: 60_000, describe: () => program.stdout() + program.stderr() });
}

function gather(stream: ReadableStream<Uint8Array>): { text: () => string; done: Promise<void> } {
  let text = "";
  const done = (async () => {
    for await (
      const chunk of stream.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>)
    ) {
      text += chunk;
    }
  })();
  return { text: () => text, done };
}
