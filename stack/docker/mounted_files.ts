/**
 * Files that containers read from this machine. A container keeps what it read at its start, and a file that
 * was replaced since, as `git pull` does, not even a reload would find: it has the old one mounted.
 */
import { isAbsolute, join, relative } from "node:path";
import type { Paths } from "../paths.ts";
import type { Compose, Declared } from "./compose.ts";
import type { Docker } from "./docker.ts";

/** A service that runs on an older version of a file. */
export interface Outdated {
  readonly service: string;
  /** The newest of its files, below the folder of docker-compose.yml where it is there. */
  readonly file: string;
}

export interface MountedFilesOptions {
  readonly compose: Compose;
  readonly docker: Docker;
  readonly paths: Paths;
}

/** Grafana looks for changed dashboards every few seconds. */
const WATCHED = ["/etc/grafana/dashboards", "/etc/grafana/own"];
/** The rules' own tests are beside them, and nobody in a container reads them. */
const UNREAD = "tests";

/** The services whose containers started before one of their files below config/ was written. */
export async function outdatedServices({ compose, docker, paths }: MountedFilesOptions): Promise<Outdated[]> {
  const [{ services }, containers] = await Promise.all([compose.config(), compose.ps()]);
  const found = await Promise.all(services.map(async (service): Promise<Outdated | undefined> => {
    const running = containers.filter((c) => c.service === service.name && c.state === "running");
    if (running.length === 0) return undefined;
    const newest = await newestFile(configFolders(service, paths));
    if (newest === undefined) return undefined;
    const states = await Promise.all(running.map(({ name }) => docker.exitState(name)));
    const isOlder = states.some((state) => state?.startedAt && state.startedAt < newest.writtenAt);
    return isOlder ? { service: service.name, file: relative(paths.dir, newest.path) } : undefined;
  }));
  return found.filter((service) => service !== undefined);
}

/** Files and folders of ours, not those of the engine's machine nor a person's keys, which the API watches. */
function configFolders({ mounts }: Declared, { dir, extensionsDir }: Paths): string[] {
  const roots = [join(dir, "config"), extensionsDir];
  return mounts.filter(({ target }) => !WATCHED.includes(target)).map(({ source }) => source)
    .filter((source) => isAbsolute(source) && roots.some((root) => isBelow(root, source)));
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return !way.startsWith("..") && !isAbsolute(way);
}

interface Written {
  readonly path: string;
  readonly writtenAt: Date;
}

/** A folder counts too: it is written when one of its files is removed. */
async function newestFile(paths: readonly string[]): Promise<Written | undefined> {
  const all = (await Promise.all(paths.map(written))).flat();
  return all.toSorted((a, b) => b.writtenAt.getTime() - a.writtenAt.getTime())[0];
}

async function written(path: string): Promise<Written[]> {
  const found = await Deno.stat(path).catch(ifThere);
  if (found === undefined) return [];
  const { mtime, birthtime, isDirectory } = found;
  // A copy may keep its original's time of change, but not its time of birth.
  const times = [mtime, birthtime].filter((time) => time !== null);
  const own = times.map((writtenAt) => ({ path, writtenAt }));
  if (!isDirectory) return own;
  const names = (await Array.fromAsync(Deno.readDir(path), ({ name }) => name)).filter((name) =>
    name !== UNREAD
  );
  // Files first: of a file and its folder, written in the same moment, the file is named.
  return [...(await Promise.all(names.map((name) => written(join(path, name))))).flat(), ...own];
}

/** An editor may remove a file just now, and a folder that nobody made is made by Docker. */
function ifThere(error: unknown): undefined {
  if (!(error instanceof Deno.errors.NotFound)) throw error;
}
