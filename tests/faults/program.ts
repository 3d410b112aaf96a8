/** One of our processes to be broken: the API or a worker. */
import { loggedUrl, type RunningProcess, startProcess } from "../support/process.ts";

export interface Program extends AsyncDisposable {
  /** Its HTTP address. */
  readonly url: string;
  readonly pid: number;
  /** True once it has ended, for whatever reason. */
  readonly exited: boolean;
  signal(name: Deno.Signal): void;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, and waits until it has ended. @returns its exit code */
  stop(): Promise<number>;
  /** The value of a metric: by its name with labels, or by its bare name the sum over them. */
  metric(name: string): Promise<number>;
  /** How many lines of its log have this message. */
  logged(message: string): number;
  /** The end of what it has written, to see why it ended. */
  lastWords(): string;
  /** The time its last log line bears, in milliseconds since the epoch: what its wall clock said then. */
  loggedAt(): number;
}

export interface ProgramOptions {
  /** Where its source is. */
  readonly root: string;
  readonly entry: "api" | "worker";
  readonly env: Readonly<Record<string, string>>;
}

/** How a line of core/telemetry/log.ts begins, before its time. */
const LINE_START = '{"time":"';

/** Starts a program and waits until it serves. */
export async function startProgram({ root, entry, env }: ProgramOptions): Promise<Program> {
  const running = startProcess({
    args: [`-P=${entry}`, `${entry}/main.ts`],
    env: { API_PORT: "0", WORKER_PORT: "0", ...env },
    root,
  });
  const ended = running.status.then(({ code }) => code);
  const url = await servingUrl(running, entry);

  return {
    url,
    pid: running.pid,
    get exited() {
      return running.exited;
    },
    signal: (name) => running.kill(name),
    async kill() {
      if (!running.exited) running.kill("SIGKILL");
      await ended;
    },
    async stop() {
      if (!running.exited) running.kill("SIGTERM");
      return await ended;
    },
    async metric(name) {
      const text = await (await fetch(`${url}/metrics`)).text();
      return text.split("\n")
        .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0);
    },
    logged: (message) => running.stdout().split(`"msg":${JSON.stringify(message)}`).length - 1,
    lastWords: () => running.stdout().slice(-2_000) + running.stderr().slice(-2_000),
    loggedAt() {
      const lines = running.stdout();
      const from = lines.lastIndexOf(LINE_START) + LINE_START.length;
      return Date.parse(lines.slice(from, lines.indexOf('"', from)));
    },
    async [Symbol.asyncDispose]() {
      if (!running.exited) running.kill("SIGCONT"); // one that was stopped can't end otherwise
      await running[Symbol.asyncDispose]();
    },
  };
}

async function servingUrl(running: RunningProcess, entry: ProgramOptions["entry"]): Promise<string> {
  try {
    return await loggedUrl(running, entry === "api" ? "url" : "metrics");
  } catch (error) {
    if (!running.exited) running.kill("SIGKILL");
    throw error;
  }
}
