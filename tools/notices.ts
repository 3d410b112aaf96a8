/**
 * `dist/NOTICES.txt`: the licences of the packages that a packed launcher carries, which their authors
 * require. Part of
 * `deno task compile`.
 */
import { join } from "node:path";
import manifest from "../deno.json" with { type: "json" };
import { type Package, readPackages } from "./packages.ts";

/** The names of the files with packages' terms. */
const TERMS = /^(licen[cs]e|copying|notice)/i;

/** One text with the terms of every package that goes into the launcher. */
export async function launcherNotices(packages: readonly Package[]): Promise<string> {
  const notices = await Promise.all(
    packages.filter(({ goesInto }) => goesInto.includes("launcher")).map(async (pack) => {
      const terms = await termsOf(pack);
      return [`${pack.name} ${pack.version} (${pack.licence})`, ...terms].join("\n\n");
    }),
  );
  return `The launcher of Thought Processor carries these packages.\n\n${
    notices.join(`\n\n${"-".repeat(80)}\n\n`)
  }\n`;
}

/** The package's licence files; without any, what its package.json states. */
async function termsOf({ name, licence, folder }: Package): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(folder));
  const names = files.filter(({ name, isFile }) => isFile && TERMS.test(name)).map(({ name }) => name).sort();
  if (names.length > 0) {
    return await Promise.all(names.map(async (file) => (await Deno.readTextFile(join(folder, file))).trim()));
  }
  const { author } = JSON.parse(await Deno.readTextFile(join(folder, "package.json")));
  const by = typeof author === "string" ? author : author?.name ?? `the authors of ${name}`;
  return [
    `Copyright: ${by}. The package has no file with the terms of ${licence}; it is under the usual ones.`,
  ];
}

if (import.meta.main) {
  const dist = join(import.meta.dirname!, "..", "dist");
  const text = await launcherNotices(await readPackages(manifest.imports));
  await Deno.mkdir(dist, { recursive: true });
  await Deno.writeTextFile(join(dist, "NOTICES.txt"), text);
}
