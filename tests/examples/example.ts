/** The example services of docs/examples, started as their own pages say. */
import { ROOT } from "../support/process.ts";
import { waitFor } from "../support/wait.ts";

export interface Example {
  readonly name: string;
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

const INSTALLED = `${Deno.env.get("SERVICES_DIR") ?? "/tmp/thought-processor-services"}/examples`;
const SOURCE = `${ROOT}docs/examples`;

export const EXAMPLES: readonly Example[] = [
  {
    name: "deno-hono",
    command: [Deno.execPath(), "task", "--quiet", "start"],
    cwd: `${SOURCE}/deno-hono`,
  },
  { name: "node-express", command: ["node", `main.js`], cwd: `${INSTALLED}/node-express` },
  {
    name: "python-fastapi",
    command: [`${INSTALLED}/python/bin/python`, "main.py"],
    cwd: `${SOURCE}/python-fastapi`,
  },
  { name: "go-net-http", command: [`${INSTALLED}/go-net-http`], cwd: SOURCE },
];

export interface RunningExample extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** Its log lines so far. */
  lines(): readonly string[];
}

/** @returns whether `.ci/services install` has put the examples in place */
export async function areInstalled(): Promise<boolean> {
  try {
    await Promise.all(
      ["node-express/node_modules", "python/bin/python", "go-net-http"].map((path) =>
        Deno.stat(`${INSTALLED}/${path}`)
      ),
    );
    return true;
  } catch {
    return false;
  }
}

/** Starts an example, and waits until it responds. */
export async function startExample(example: Example, port: number, otlp: string): Promise<RunningExample> {
  const { name, command: [program, ...args], cwd } = example;
  const inherited = ["PATH", "HOME", "DENO_DIR"].map((key) => [key, Deno.env.get(key) ?? ""]);
  const child = new Deno.Command(program, {
    args,
    cwd,
    clearEnv: true,
    env: {
      ...Object.fromEntries(inherited),
      PORT: String(port),
      OTEL_SERVICE_NAME: name,
      OTEL_EXPORTER_OTLP_ENDPOINT: otlp,
      OTEL_BSP_SCHEDULE_DELAY: "200",
      PYTHONDONTWRITEBYTECODE: "1",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const out = gather(child.stdout);
  const error = gather(child.stderr);
  let exited = false;
  const status = child.status.finally(() => exited = true);
  const url = `http://127.0.0.1:${port}`;
  await waitFor(`${name} to answer`, async () => {
    if (exited) throw new Error(`${name} has ended: ${error.text()}`);
    return (await fetch(`${url}/orders/1`).then(drained)).ok;
  });
  return {
    name,
    url,
    lines: () => out.text().split("\n").filter((line) => line !== ""),
    async [Symbol.asyncDispose]() {
      if (!exited) child.kill("SIGTERM");
      await status;
      await Promise.all([out.done, error.done]);
    },
  };
}

/** Reads a response to its end, which frees its connection. */
export async function drained(response: Response): Promise<Response> {
  await response.body?.cancel();
  return response;
}

function gather(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  let text = "";
  const done = (async () => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) text += chunk;
  })();
  return { text: () => text, done };
}
