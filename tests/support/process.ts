/** Real processes of ours, started as a user would, with free ports and a folder of their own. */
import { waitFor } from "./wait.ts";

export interface Running extends AsyncDisposable {
  readonly pid: number;
  /** Everything it has written to stdout. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  readonly status: Promise<Deno.CommandStatus>;
  kill(signal: Deno.Signal): void;
}

export const ROOT = new URL("../../", import.meta.url).pathname;

/**
 * Starts a program of this repository with the permissions that its task has.
 *
 * @param env over the bare minimum of this process's environment: what tests are given does not leak in
 * @param root where its source is @default this repository
 */
export function start(
  permissions: string,
  program: string,
  env: Readonly<Record<string, string>>,
  root = ROOT,
): Running {
  const inherited = Object.fromEntries(
    ["PATH", "HOME", "DENO_DIR"].map((name) => [name, Deno.env.get(name) ?? ""]),
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", `-P=${permissions}`, program],
    cwd: root,
    clearEnv: true,
    env: { ...inherited, NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const stdout = gather(child.stdout);
  const stderr = gather(child.stderr);
  return {
    pid: child.pid,
    stdout: stdout.text,
    stderr: stderr.text,
    status: child.status,
    kill: (signal) => child.kill(signal),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGTERM");
      } catch { /* it has ended already */ }
      await child.status;
      await Promise.all([stdout.done, stderr.done]);
    },
  };
}

/** The URL that a program's log names in this field once it listens. */
export async function loggedUrl(program: Running, field: string): Promise<string> {
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
