/** The files that a packed launcher carries. */
import { join, relative } from "node:path";
import type { Payload } from "../paths.ts";

/** What Docker needs from a checkout: the compose file, what it mounts, and what the image is built from. */
const SHIPPED = [
  ".dockerignore",
  ".env.example",
  "Dockerfile",
  "docker-compose.yml",
  "docker-compose.logs.yml",
  "deno.json",
  "programs.lock",
  "config",
  "core",
  "api",
  "worker",
  "canary",
  "webhooks",
  "docs/runbooks.md",
];

/** Needed by tests alone, or private files of the person who packs. */
const LEFT_BEHIND =
  /_test\.tsx?$|^config\/prometheus\/tests\/|^config\/extensions\/(?!README\.md$|.*\.example$)/;

/**
 * Collects the files that a packed launcher carries.
 *
 * @throws {Error} when one of them is missing, or is not text
 */
export async function collectPayload(root: string, version: string): Promise<Payload> {
  const files: Record<string, string> = {};
  const executable: string[] = [];
  for (const shipped of SHIPPED) {
    for (const path of await filesBelow(join(root, shipped))) {
      const name = relative(root, path).replaceAll("\\", "/");
      if (LEFT_BEHIND.test(name)) continue;
      files[name] = await textOf(path);
      if (((await Deno.stat(path)).mode ?? 0) & 0o100) executable.push(name);
    }
  }
  return { version, files, executable };
}

async function filesBelow(path: string): Promise<string[]> {
  if (!(await Deno.stat(path)).isDirectory) return [path];
  const entries = (await Array.fromAsync(Deno.readDir(path))).map((entry) => join(path, entry.name)).sort();
  return (await Promise.all(entries.map(filesBelow))).flat();
}

async function textOf(path: string): Promise<string> {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(await Deno.readFile(path));
  } catch (error) {
    throw new Error(`Cannot pack ${path}: it is not UTF-8 text`, { cause: error });
  }
}
