/** The modules of a program and what they import, as read from their source. */
import { join, relative } from "node:path";

export const ROOT = new URL("../..", import.meta.url).pathname;

export interface Module {
  /** From the root of the repository. */
  readonly path: string;
  readonly source: string;
  /** Files of ours that it imports, as paths from the root. */
  readonly files: readonly string[];
  /** Packages that it imports, by name. */
  readonly packages: readonly string[];
}

/** Every TypeScript file below these folders, and these files, that `wanted` accepts. */
export async function readModules(
  paths: readonly string[],
  wanted: (path: string) => boolean,
): Promise<Module[]> {
  const found: Module[] = [];
  const read = async (path: string) => {
    const source = await Deno.readTextFile(join(ROOT, path));
    found.push({ path, source, ...importsOf(path, source) });
  };
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
      const path = join(folder, name);
      if (isDirectory) await walk(path);
      else if (/\.tsx?$/.test(name) && wanted(path)) await read(path);
    }
  };
  for (const path of paths) await (/\.tsx?$/.test(path) ? read(path) : walk(path));
  return found;
}

/** `_test.ts` files run with the product and are not part of it. */
export const isTest = (path: string): boolean => /_test\.tsx?$/.test(path);

/** The paths that these programs load, themselves included. */
export function reachable(mains: readonly string[], modules: ReadonlyMap<string, Module>): Set<string> {
  const seen = new Set<string>();
  const visit = (path: string) => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const next of modules.get(path)?.files ?? []) visit(next);
  };
  for (const main of mains) visit(main);
  return seen;
}

/** Import cycles, each as its path. Imports of types alone are gone at run time and may form circles. */
export function cycles(modules: ReadonlyMap<string, Module>): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]) => {
    if (above.includes(path)) return void found.add([...above.slice(above.indexOf(path)), path].join(" → "));
    if (done.has(path)) return;
    const withoutTypes = modules.get(path)!.source.replaceAll(/^(import|export) type [^;]*;/gm, "");
    for (const next of importsOf(path, withoutTypes).files) {
      if (modules.has(next)) visit(next, [...above, path]);
    }
    done.add(path);
  };
  for (const path of modules.keys()) visit(path, []);
  return [...found];
}

/** `import … from "x"`, `export … from "x"`, `import "x"` and `import("x")`. */
function importsOf(path: string, source: string): Pick<Module, "files" | "packages"> {
  const statement = /^(?:import|export)\s(?:[^;"]*?\sfrom\s)?"([^"]+)"|\bimport\("([^"]+)"/gm;
  const names = [...source.matchAll(statement)].map(([, declared, dynamic]) => (declared ?? dynamic)!);
  return {
    files: names.filter((name) => name.startsWith("."))
      .map((name) => relative(ROOT, join(ROOT, path, "..", name))),
    packages: names.filter((name) => !name.startsWith(".")),
  };
}
