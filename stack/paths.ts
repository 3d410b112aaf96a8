import { dirname, isAbsolute, join } from "node:path";

/** Where the stack's files are on this machine. Docker reads them there, so they must be real files. */
export interface Home {
  /** Holds docker-compose.yml. */
  dir: string;
  /** Passwords; survives a new version of a packed launcher. */
  envFile: string;
  /** What the last `up` was asked for. */
  choiceFile: string;
}

/** Everything Docker needs, carried inside a packed launcher: path → text. */
export interface Payload {
  version: string;
  files: Readonly<Record<string, string>>;
  /** Paths of those that are programs. */
  executable: readonly string[];
}

/** A source checkout is its own home. */
export function checkoutHome(dir: string): Home {
  return { dir, envFile: join(dir, ".env"), choiceFile: join(dir, ".data", "launcher.json") };
}

/**
 * Lays a packed launcher's files out below the user's state directory, one folder a version, and returns that
 * home. Files that are already right are left alone, since running containers have them mounted; a file that
 * somebody changed is put right again.
 */
export async function packedHome(payload: Payload, stateDir: string): Promise<Home> {
  const root = join(stateDir, "thought-processor");
  const dir = join(root, payload.version);
  for (const [path, text] of Object.entries(payload.files)) {
    await layOut(join(dir, path), text, payload.executable.includes(path) ? 0o755 : 0o644);
  }
  return { dir, envFile: join(root, ".env"), choiceFile: join(root, "launcher.json") };
}

/**
 * The user's state directory: `$XDG_STATE_HOME`, or what stands for it on this system.
 *
 * @throws {Error} when the environment names no home at all
 */
export function stateDirectory(env: (name: string) => string | undefined): string {
  const xdg = env("XDG_STATE_HOME");
  // The XDG specification: a relative path is invalid and to be ignored.
  if (xdg && isAbsolute(xdg)) return xdg;
  const local = env("LOCALAPPDATA");
  if (local) return local;
  const home = env("HOME");
  if (home) return join(home, ".local", "state");
  throw new Error("Cannot lay out the stack's files: none of XDG_STATE_HOME, LOCALAPPDATA and HOME is set");
}

/** Writes a file, and its folder, so that containers can read it; one that is right already is left alone. */
export async function layOut(path: string, text: string, mode: number): Promise<void> {
  if (await readIfThere(path) === text) return;
  await Deno.mkdir(dirname(path), { recursive: true });
  await Deno.writeTextFile(path, text);
  // Containers read these as users of their own, whatever this user's umask says.
  if (Deno.build.os === "windows") return;
  await Deno.chmod(path, mode);
  await Deno.chmod(dirname(path), 0o755);
}

/** @returns undefined when there is no such file */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
