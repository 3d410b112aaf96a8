/** The npm packages that this project uses, as Deno resolved them from deno.lock. */
import { join } from "node:path";

export interface Package {
  readonly name: string;
  readonly version: string;
  /** An SPDX licence expression, from the package's own package.json. */
  readonly licence: string;
  /** Whether deno.json names it. */
  readonly direct: boolean;
  /** Names of the packages that need it. */
  readonly neededBy: readonly string[];
  /** The products that contain it; none, if only development and tests use it. */
  readonly goesInto: readonly Product[];
  /** Its folder in Deno's cache. */
  readonly folder: string;
}

/** The products built from this repository, and their programs. */
const PRODUCTS = {
  launcher: ["start_monitoring.ts"],
  image: [
    "api/main.ts",
    "api/migrate.ts",
    "worker/main.ts",
    "worker/operate.ts",
    "webhooks/main.ts",
    "canary/main.ts",
  ],
} as const;

export type Product = keyof typeof PRODUCTS;

/** The part of `deno info --json` that is used here. */
interface Graph {
  readonly modules: readonly { readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<Record<string, Resolved>>;
}

interface Resolved {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
  readonly localPath: string;
}

/**
 * Reads every package of the lock file, sorted by name. Needs the cache that `deno ci` fills, and no network.
 *
 * @param imports the specifiers of deno.json: what they name is direct
 * @throws {Error} when a package is not in the cache, or does not state a licence
 */
export async function readPackages(imports: Readonly<Record<string, string>>): Promise<Package[]> {
  const graphs = new Map<Product, Graph[]>();
  for (const [product, programs] of Object.entries(PRODUCTS)) {
    graphs.set(product as Product, await Promise.all(programs.map(graphOf)));
  }
  // Deno lists the whole lock file with each graph, whatever the graph itself imports.
  const { npmPackages } = graphs.get("launcher")![0]!;
  const all = Object.entries(npmPackages);
  const reached = new Map([...graphs].map(([product, of]) => [product, new Set(of.flatMap(packagesOf))]));
  const pinned = new Set(Object.values(imports).map((specifier) => /^npm:\/?(.+?)\/?$/.exec(specifier)?.[1]));

  const packages = new Map<string, Package>();
  for (const [id, resolved] of all) {
    const { name, version, localPath } = resolved;
    packages.set(`${name}@${version}`, {
      name,
      version,
      licence: await licenceOf(`${name}@${version}`, localPath),
      direct: pinned.has(`${name}@${version}`),
      neededBy: all.filter(([, { dependencies }]) => dependencies.includes(id)).map(([, by]) => by.name),
      folder: localPath,
      goesInto: [...reached].filter(([, ids]) => ids.has(id)).map(([product]) => product),
    });
  }
  return [...packages.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The packages that a graph imports, with all their dependencies. */
function packagesOf({ modules, npmPackages }: Graph): string[] {
  const reached = new Set<string>();
  const reach = (id: string) => {
    if (reached.has(id)) return;
    reached.add(id);
    npmPackages[id]?.dependencies.forEach(reach);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) reach(npmPackage);
  return [...reached];
}

async function graphOf(program: string): Promise<Graph> {
  const { success, stdout, stderr } = await new Deno.Command("deno", { args: ["info", "--json", program] })
    .output();
  const text = new TextDecoder();
  if (!success) throw new Error(`Cannot list the packages of ${program}: ${text.decode(stderr)}`);
  return JSON.parse(text.decode(stdout));
}

async function licenceOf(pack: string, folder: string): Promise<string> {
  const manifest = await Deno.readTextFile(join(folder, "package.json")).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error(`Cannot read the licence of ${pack}: it is not in Deno's cache. Run: deno ci`);
  });
  const { license } = JSON.parse(manifest);
  if (typeof license !== "string") throw new Error(`${pack} does not state a licence in its package.json`);
  return license;
}
