/** A host for the launcher without a machine: its clock takes no time, and programs and HTTP are scripted. */
import type { Host, Output } from "../../stack/host.ts";
import type { CheckResult, Progress, View } from "../../stack/checklist.ts";

export interface FakeHost extends Host {
  /** Every command line that was run. */
  commands: string[];
  /** Every address that was requested. */
  requests: string[];
  /** Milliseconds that were slept: nobody waits for them. */
  slept: number;
}

export interface Fakes {
  /** The result of a command line; by default that of a program that succeeded silently. */
  readonly run?: (commandLine: string) => Partial<Output> | Promise<Partial<Output>>;
  /** The response to a request; undefined is a refused connection. */
  readonly fetch?: (url: URL, init: RequestInit) => Response | undefined;
  readonly signal?: AbortSignal;
}

/** A machine on which sleeping takes no time, with what a test defines. */
export function fakeHost({ run, fetch, signal = new AbortController().signal }: Fakes = {}): FakeHost {
  const host: FakeHost = {
    commands: [],
    requests: [],
    slept: 0,
    signal,
    uninterrupted: () => Object.create(host, { signal: { value: new AbortController().signal } }),
    now: () => host.slept,
    async sleep(ms, other) {
      await Promise.resolve();
      this.signal.throwIfAborted();
      other?.throwIfAborted();
      host.slept += ms;
    },
    async run(program, args) {
      this.signal.throwIfAborted();
      const commandLine = [program, ...args].join(" ");
      host.commands.push(commandLine);
      const output = await run?.(commandLine);
      this.signal.throwIfAborted();
      return { code: 0, stdout: "", stderr: "", timedOut: false, ...output };
    },
    attach: () => Promise.resolve(0),
    fetch(url, init) {
      host.requests.push(`${init.method} ${url}`);
      const response = fetch?.(new URL(url), init);
      return response
        ? Promise.resolve(response)
        : Promise.reject(new TypeError("Connection refused (os error 111)"));
    },
  };
  return host;
}

/** A view that only remembers how the checks ended. */
export function silentView(): View & { finished: CheckResult[]; ended: boolean } {
  const view = {
    finished: [] as CheckResult[],
    ended: false,
    start: () => {},
    update: () => {},
    finish: (result: CheckResult) => void view.finished.push(result),
    end: () => {
      view.ended = true;
      return Promise.resolve();
    },
  };
  return view;
}

/** What a check is given when a test calls it directly. */
export function testProgress(): Progress & { said: string[] } {
  const said: string[] = [];
  return { said, say: (state) => void said.push(state), signal: new AbortController().signal };
}
