/** The files that containers read from this folder: readable by them, whatever umask the checkout was made with. */
import { join } from "node:path";
import { prerequisite } from "../failure.ts";

export async function checkConfigFiles(dir: string): Promise<string> {
  const config = join(dir, "config");
  const { files, unreadable } = await walk(config);
  if (unreadable.length === 0 || Deno.build.os === "windows") return `${files} files, readable by containers`;
  throw prerequisite(`Containers cannot read ${unreadable.length} files of config/`, {
    cause: `${unreadable[0]} is readable by its owner alone: the checkout was made with a strict umask`,
    next: [`chmod -R a+rX ${config}`],
  });
}

async function walk(folder: string): Promise<{ files: number; unreadable: string[] }> {
  const unreadable: string[] = [];
  let files = 0;
  const { mode } = await Deno.stat(folder);
  if (mode !== null && (mode & 0o005) !== 0o005) unreadable.push(folder);
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) {
      const below = await walk(path);
      files += below.files;
      unreadable.push(...below.unreadable);
      continue;
    }
    files++;
    const { mode } = await Deno.stat(path);
    if (mode !== null && (mode & 0o004) === 0) unreadable.push(path);
  }
  return { files, unreadable };
}
