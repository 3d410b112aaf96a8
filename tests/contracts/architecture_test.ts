/** The arrows between files: main → api | worker → core adapters → core/thought; stack → core's plain tables. */
import assert from "node:assert/strict";
import { join, matchesGlob, relative } from "node:path";

const ROOT = new URL("../..", import.meta.url).pathname;
const AREAS = ["core", "api", "worker", "stack"] as const;
const MAINS = ["dev.ts", "start_monitoring.ts", "api/main.ts", "worker/main.ts"];

/** core's files that are tables or words and import no client: what the launcher may share with the processes. */
const PLAIN = [
  "core/telemetry/metrics.ts",
  "core/telemetry/thresholds.ts",
  "core/thought.ts",
  "core/queue/queue.ts",
];

/** The one file, or the files by one name, of each outside system and of each library that would otherwise spread. */
const CLIENTS: Record<string, string> = {
  "postgres": "core/store/postgres.ts",
  "@electric-sql/pglite": "core/store/pglite.ts",
  "kafkajs": "core/queue/kafka*.ts",
  "ioredis": "core/cache/redis.ts",
  "lru-cache": "core/cache/memory.ts",
  "rate-limiter-flexible": "api/rate_limit.ts",
  "prom-client": "core/telemetry/metrics.ts",
  "@opentelemetry/api": "core/telemetry/tracing.ts",
  "openai": "worker/analysers/openai.ts",
  "uuidv7": "api/thoughts.ts",
  "listr2": "stack/output/live_view.ts",
};

/** Who chooses an adapter. Everybody else sees the interface. */
const ADAPTERS: Record<string, readonly string[]> = {
  "core/store/postgres.ts": ["core/open.ts"],
  "core/store/pglite.ts": ["core/open.ts"],
  "core/queue/kafka.ts": ["core/open.ts"],
  "core/queue/memory.ts": ["core/open.ts"],
  "core/cache/redis.ts": ["core/open.ts", "api/rate_limit.ts"],
  "core/cache/memory.ts": ["core/open.ts"],
};

const READS_ENVIRONMENT = [
  "core/config.ts",
  "core/no_environment.ts", // empties it, for the libraries
  "start_monitoring.ts",
  "stack/launch.ts", // whether a terminal has colours
];

/** Programs that answer a person; all others log. */
const SPEAKS = [
  "core/config.ts",
  "dev.ts",
  "worker/redrive.ts",
  "tools/make_key.ts",
  "stack/dashboards/main.ts",
];

interface Module {
  readonly path: string;
  readonly source: string;
  /** Files of ours that it imports, as paths from the root. */
  readonly files: readonly string[];
  /** Packages that it imports, by name. */
  readonly packages: readonly string[];
}

const modules = await readModules();
const byPath = new Map(modules.map((module) => [module.path, module]));
const areaOf = (path: string) => AREAS.find((area) => path.startsWith(`${area}/`));

/** Asserts that a list of offences is empty, showing them all when it is not. */
const none = (offences: readonly string[]) => assert.deepEqual(offences, []);

Deno.test("the walk sees the files it is meant to hold", () => {
  for (const path of [...MAINS, ...Object.keys(ADAPTERS), "core/thought.ts"]) {
    assert.ok(byPath.has(path), path);
  }
  for (const files of Object.values(CLIENTS)) {
    assert.ok(modules.some(({ path }) => matchesGlob(path, files)), files);
  }
  assert.ok(byPath.get("dev.ts")!.files.includes("worker/worker.ts"));
  assert.ok(
    byPath.get("core/open.ts")!.files.includes("core/store/pglite.ts"),
    "imports inside functions too",
  );
  assert.ok(
    byPath.get("core/queue/kafka.ts")!.packages.includes("kafkajs"),
    "imports over several lines too",
  );
});

const MAY_IMPORT: Record<(typeof AREAS)[number], readonly string[]> = {
  core: ["core"],
  api: ["api", "core"],
  worker: ["worker", "core"],
  stack: ["stack"],
};
for (const area of AREAS) {
  Deno.test(`${area} imports nothing of ours but ${MAY_IMPORT[area].join(" and ")}`, () => {
    const wrong = arrows().filter(({ from, to }) =>
      areaOf(from) === area && !MAY_IMPORT[area].includes(areaOf(to) ?? to) && to !== "deno.json" &&
      !(area === "stack" && (PLAIN.includes(to) || isText(to)))
    );
    none(wrong.map(({ from, to }) => `${from} → ${to}`));
  });
}

Deno.test("core's plain tables import nothing but each other", () => {
  const wrong = arrows().filter(({ from, to }) =>
    PLAIN.includes(from) && !PLAIN.includes(to) &&
    !(from === "core/queue/queue.ts" && to === "core/telemetry/tracing.ts")
  );
  none(wrong.map(({ from, to }) => `${from} → ${to}`));
});

Deno.test("the domain imports nothing at all", () => {
  const { files, packages } = byPath.get("core/thought.ts")!;
  none([...files, ...packages]);
});

Deno.test("adapters are imported only by those who choose them", () => {
  const wrong = arrows().filter(({ from, to }) => to in ADAPTERS && !ADAPTERS[to]!.includes(from));
  none(wrong.map(({ from, to }) => `${from} → ${to}`));
});

Deno.test("each outside client is imported by its own files alone", () => {
  none(
    modules.flatMap(({ path, packages }) =>
      packages.filter((name) => name in CLIENTS && !matchesGlob(path, CLIENTS[name]!))
        .map((name) => `${path} → ${name}`)
    ),
  );
});

Deno.test("nobody imports a main program", () => {
  none(arrows().filter(({ to }) => MAINS.includes(to)).map(({ from, to }) => `${from} → ${to}`));
});

Deno.test("no file imports itself through others", () => {
  none(cycles());
});

Deno.test("only the configuration reads the environment", () => {
  const readers = modules.filter(({ source }) =>
    /\bDeno\.env\b|\bprocess\.env\b|import\.meta\.env/.test(source)
  );
  none(readers.map(({ path }) => path).filter((path) => !READS_ENVIRONMENT.includes(path)));
});

Deno.test("nothing is printed past the log, but by programs that answer a person", () => {
  const speakers = modules.filter(({ source }) => /\bconsole\.\w+\(/.test(source));
  none(speakers.map(({ path }) => path).filter((path) => !SPEAKS.includes(path)));
});

function arrows(): { readonly from: string; readonly to: string }[] {
  return modules.flatMap(({ path: from, files }) => files.map((to) => ({ from, to })));
}

/** Texts that are carried, not run. */
const isText = (path: string) => !/\.(ts|tsx)$/.test(path);

/** Import cycles, each as its path; imports of types alone are gone at run time and may go in circles. */
function cycles(): string[] {
  const found = new Set<string>();
  const done = new Set<string>();
  const visit = (path: string, above: readonly string[]) => {
    if (above.includes(path)) return void found.add([...above.slice(above.indexOf(path)), path].join(" → "));
    if (done.has(path)) return;
    const withoutTypes = byPath.get(path)!.source.replaceAll(/^(import|export) type [^;]*;/gm, "");
    for (const next of importsOf(path, withoutTypes).files) {
      if (byPath.has(next)) visit(next, [...above, path]);
    }
    done.add(path);
  };
  for (const { path } of modules) visit(path, []);
  return [...found];
}

/** Every module of the product; tests, benchmarks and generators are not part of it. */
async function readModules(): Promise<Module[]> {
  const found: Module[] = [];
  const read = async (path: string) => {
    const source = await Deno.readTextFile(join(ROOT, path));
    found.push({ path, source, ...importsOf(path, source) });
  };
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(join(ROOT, folder))) {
      const path = join(folder, name);
      if (isDirectory) await walk(path);
      else if (/\.tsx?$/.test(name) && !/(_test|^test_app)\.tsx?$/.test(name)) await read(path);
    }
  };
  for (const area of AREAS) await walk(area);
  for (const main of MAINS.filter((path) => !path.includes("/"))) await read(main);
  return found;
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
