/** The packed launcher, run from a folder that has nothing to do with it, on a machine with programs that a test provides. */
import { join } from "node:path";
import { PERMISSIONS } from "../../stack/packaging/compile.ts";

const PACKED = ["--quiet", ...PERMISSIONS, "--no-lock", join(import.meta.dirname!, "packed_launcher.ts")];

/** What Deno needs of the environment to find its cache and, behind a proxy that inspects TLS, to trust a registry. */
const INHERITED = [
  "HOME",
  "DENO_DIR",
  "XDG_CACHE_HOME",
  "DENO_CERT",
  "DENO_TLS_CA_STORE",
  "SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "NPM_CONFIG_REGISTRY",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/** Those variables, for a program that is given no other. */
export function inheritedEnvironment(get = (name: string) => Deno.env.get(name)): Record<string, string> {
  return Object.fromEntries(INHERITED.flatMap((name) => {
    const value = get(name);
    return value === undefined ? [] : [[name, value]];
  }));
}

export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** A machine of its own for one test: a folder to stand in, a state directory, and a PATH with nothing on it. */
export class Machine implements AsyncDisposable {
  private constructor(readonly dir: string) {}

  static async make(): Promise<Machine> {
    const dir = await Deno.makeTempDir({ prefix: "launcher-" });
    for (const name of ["bin", "elsewhere", "state"]) await Deno.mkdir(join(dir, name));
    return new Machine(dir);
  }

  get bin(): string {
    return join(this.dir, "bin");
  }

  get state(): string {
    return join(this.dir, "state", "thought-processor");
  }

  /** Notes what the last `up` was options for, as that does. */
  async remember(lastUp: { without: readonly string[] }): Promise<void> {
    await Deno.mkdir(this.state, { recursive: true });
    await Deno.writeTextFile(join(this.state, "launcher.json"), JSON.stringify(lastUp));
  }

  /** Runs the packed launcher from a folder that has nothing to do with it. */
  launch(...args: string[]): Promise<Run> {
    return this.run(["run", ...PACKED, ...args]);
  }

  /** The same with more variables in the environment. */
  launchWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Run> {
    return this.run(["run", ...PACKED, ...args], env);
  }

  /** Starts the packed launcher and does not wait for it. */
  spawn(...args: string[]): Deno.ChildProcess {
    return this.#command(["run", ...PACKED, ...args]).spawn();
  }

  /** Runs Deno there. */
  async run(args: string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    const from = performance.now();
    const { code, stdout, stderr } = await this.#command(args, env).output();
    const text = new TextDecoder();
    const seconds = (performance.now() - from) / 1_000;
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr), seconds };
  }

  #command(args: string[], env: Readonly<Record<string, string>> = {}): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args,
      cwd: join(this.dir, "elsewhere"),
      clearEnv: true,
      env: {
        ...inheritedEnvironment(),
        PATH: this.bin,
        XDG_STATE_HOME: join(this.dir, "state"),
        ...env,
      },
      stdout: "piped",
      stderr: "piped",
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}
