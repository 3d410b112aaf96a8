import { join } from "node:path";

export interface Run {
  code: number;
  stdout: string;
  stderr: string;
  seconds: number;
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

  /** Runs the packed launcher from a folder that has nothing to do with it. */
  async launch(...args: string[]): Promise<Run> {
    const script = join(import.meta.dirname!, "packed_launcher.ts");
    return await this.run(["run", "--quiet", "-A", "--no-lock", script, ...args]);
  }

  async run(args: string[]): Promise<Run> {
    const from = performance.now();
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: join(this.dir, "elsewhere"),
      clearEnv: true,
      env: {
        PATH: this.bin,
        HOME: Deno.env.get("HOME") ?? this.dir,
        DENO_DIR: Deno.env.get("DENO_DIR") ?? "",
        XDG_STATE_HOME: join(this.dir, "state"),
        XDG_CACHE_HOME: Deno.env.get("XDG_CACHE_HOME") ?? "",
      },
    }).output();
    const text = new TextDecoder();
    return {
      code,
      stdout: text.decode(stdout),
      stderr: text.decode(stderr),
      seconds: (performance.now() - from) / 1000,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}
