/** Where the stack's files are on this machine. Docker reads them there, so they must be real files. */
import { dirname, isAbsolute, join } from "node:path";
import { prerequisite } from "./failure.ts";

export interface Paths {
  /** Holds docker-compose.yml. */
  readonly dir: string;
  /** Passwords; survives a new version of a packed launcher. */
  readonly envFile: string;
  /** The options of the last `up`. */
  readonly lastUpFile: string;
  /** A person's own jobs, rules, dashboards and overrides. */
  readonly extensionsDir: string;
  /** COMPOSE_FILE, if the environment names other compose files. */
  readonly composeFiles?: string | undefined;
  /** Of a packed launcher: the folder of all its versions, which it may clean and remove. */
  readonly stateRoot?: string;
}

/** Everything Docker needs, carried inside a packed launcher: path → text. */
export interface Payload {
  readonly version: string;
  readonly files: Readonly<Record<string, string>>;
  /** Paths of those that are programs. */
  readonly executable: readonly string[];
}

/** The path of extensions in a checkout, and in a payload. */
const EXTENSIONS = "config/extensions";

/** In a source checkout the files are used in place. */
export function checkoutPaths(dir: string): Paths {
  return {
    dir,
    envFile: join(dir, ".env"),
    lastUpFile: join(dir, ".data", "launcher.json"),
    extensionsDir: join(dir, EXTENSIONS),
  };
}

/**
 * Writes a packed launcher's files below the user's state directory, one folder per version, and returns
 * their paths. `.env` and extensions are above the version, since they are a person's own and outlive it.
 * Correct files are left alone, since running containers have them mounted; a changed file is written again.
 */
export async function packedPaths(payload: Payload, stateDir: string): Promise<Paths> {
  const root = join(stateDir, "thought-processor");
  const dir = join(root, payload.version);
  const extensionsDir = join(root, "extensions");
  for (const [path, text] of Object.entries(payload.files)) {
    const place = path.startsWith(`${EXTENSIONS}/`)
      ? join(extensionsDir, path.slice(EXTENSIONS.length + 1))
      : join(dir, path);
    await layOut(place, text, payload.executable.includes(path) ? 0o755 : 0o644);
  }
  const envFile = join(root, ".env");
  await linkTo(envFile, join(dir, ".env"));
  return { dir, envFile, lastUpFile: join(root, "launcher.json"), extensionsDir, stateRoot: root };
}

/**
 * Plain `docker compose` in the folder then reads the same passwords. On Windows few users may create links.
 */
async function linkTo(target: string, path: string): Promise<void> {
  if (Deno.build.os === "windows") return;
  if (await Deno.readLink(path).catch(() => undefined) === target) return;
  await withPath(path, async () => {
    await Deno.remove(path).catch(() => {});
    await Deno.symlink(target, path).catch((error) => {
      // Another launcher has just created it.
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    });
  });
}

/** Removes the files of a packed launcher's other versions; to be called once nothing has them mounted. */
export async function removeOldVersions({ dir, stateRoot }: Paths): Promise<string[]> {
  if (stateRoot === undefined) return [];
  const removed: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(stateRoot)) {
    const path = join(stateRoot, name);
    if (!isDirectory || path === dir || !/^\d+\.\d+\.\d+/.test(name)) continue;
    await withPath(path, () => Deno.remove(path, { recursive: true }));
    removed.push(name);
  }
  return removed;
}

/**
 * The user's state directory: `$XDG_STATE_HOME`, or its equivalent on this system.
 *
 * @throws {LaunchFailure} when the environment names no home at all
 */
export function stateDirectory(env: (name: string) => string | undefined): string {
  const xdg = env("XDG_STATE_HOME");
  // The XDG specification: a relative path is invalid and to be ignored.
  if (xdg && isAbsolute(xdg)) return xdg;
  const local = env("LOCALAPPDATA");
  if (local) return local;
  const home = env("HOME");
  if (home) return join(home, ".local", "state");
  throw prerequisite("There is no folder for the stack's files", {
    cause: "none of XDG_STATE_HOME, LOCALAPPDATA and HOME is set",
    next: ["set XDG_STATE_HOME to a folder that this user may write to"],
  });
}

/** Writes a file and its folder, readable by containers; a correct one is left alone. */
export async function layOut(path: string, text: string, mode: number): Promise<void> {
  if (await readIfThere(path) === text) return;
  await withPath(path, async () => {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, text);
  });
  // Containers read these as other users, whatever this user's umask.
  if (Deno.build.os === "windows") return;
  await Deno.chmod(path, mode);
  await Deno.chmod(dirname(path), 0o755);
}

/** Names the path in an error of the operating system, which often does not. */
export async function withPath<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    if (error instanceof Error && !error.message.includes(path)) error.message += `: ${path}`;
    throw error;
  }
}

/** @returns undefined when there is no such file */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await withPath(path, () => Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
