/** The packed launcher, run from an unrelated folder, on a machine with programs that a test provides. */
import { join } from "node:path";
import { PERMISSIONS } from "../../stack/packaging/compile.ts";

const PACKED = ["--quiet", ...PERMISSIONS, "--no-lock", join(import.meta.dirname!, "packed_launcher.ts")];

/**
 * What Deno needs of the environment to find its cache and, behind a proxy that inspects TLS, to trust a
 * registry.
 */
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

/** A machine for one test: a working folder, a state directory, and an empty PATH. */
export interface Machine extends AsyncDisposable {
  readonly dir: string;
  readonly bin: string;
  readonly state: string;
  /** Records the options of the last `up`, as `up` does. */
  remember(lastUp: { without: readonly string[] }): Promise<void>;
  /** Runs the packed launcher from an unrelated folder. */
  launch(...args: string[]): Promise<Run>;
  /** The same with more variables in the environment. */
  launchWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Run>;
  /** Starts the packed launcher and does not wait for it. */
  spawn(...args: string[]): Deno.ChildProcess;
  /** Runs Deno there. */
  run(args: string[], env?: Readonly<Record<string, string>>): Promise<Run>;
}

export async function createMachine(): Promise<Machine> {
  const dir = await Deno.makeTempDir({ prefix: "launcher-" });
  for (const name of ["bin", "elsewhere", "state"]) await Deno.mkdir(join(dir, name));
  const bin = join(dir, "bin");
  const state = join(dir, "state", "thought-processor");

  function command(args: string[], env: Readonly<Record<string, string>> = {}): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args,
      cwd: join(dir, "elsewhere"),
      clearEnv: true,
      env: { ...inheritedEnvironment(), PATH: bin, XDG_STATE_HOME: join(dir, "state"), ...env },
      stdout: "piped",
      stderr: "piped",
    });
  }

  async function run(args: string[], env: Readonly<Record<string, string>> = {}): Promise<Run> {
    const from = performance.now();
    const { code, stdout, stderr } = await command(args, env).output();
    const text = new TextDecoder();
    const seconds = (performance.now() - from) / 1_000;
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr), seconds };
  }

  return {
    dir,
    bin,
    state,
    async remember(lastUp) {
      await Deno.mkdir(state, { recursive: true });
      await Deno.writeTextFile(join(state, "launcher.json"), JSON.stringify(lastUp));
    },
    launch: (...args) => run(["run", ...PACKED, ...args]),
    launchWith: (env, ...args) => run(["run", ...PACKED, ...args], env),
    spawn: (...args) => command(["run", ...PACKED, ...args]).spawn(),
    run,
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}
