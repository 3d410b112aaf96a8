/**
 * House rules that a program can check: who reads the environment, who prints, and that every file says what
 * it is.
 */
import assert from "node:assert/strict";
import { dirname } from "node:path/posix";
import { isTest, readModules } from "./modules.ts";

const READS_ENVIRONMENT = [
  "core/config.ts",
  "core/no_environment.ts", // empties it, for the libraries
  "start_monitoring.ts",
  "stack/launch.ts", // whether a terminal has colours
];

/** Programs that answer a person; all others log. */
const SPEAKS = [
  "core/config.ts",
  "core/reachable_hosts.ts",
  "dev.ts",
  "worker/operate.ts",
  "tools/data_folder.ts",
  "tools/make_key.ts",
  "stack/dashboards/main.ts",
];

/** After a line for the shell, the linter or JSX, where there is one. */
const HEADER = /^(#!.*\n|\/\/ deno-[^\n]*\n|\/\*\* @jsx[^\n]*\n)*\/\*\*/;

const EVERYWHERE = [
  "api",
  "bench",
  "canary",
  "core",
  "dev.ts",
  "stack",
  "start_monitoring.ts",
  "tests",
  "tools",
  "webhooks",
  "worker",
];
const files = await readModules(EVERYWHERE, () => true);
const product = files.filter(({ path }) =>
  /^(core|api|canary|webhooks|worker|stack)\/|^(dev|start_monitoring)\.ts$/.test(path) && !isTest(path)
);

const none = (offences: readonly string[]) => assert.deepEqual(offences, []);

Deno.test("every file begins with a sentence that says what it is, except a test beside the file it tests", () => {
  const paths = new Set(files.map(({ path }) => path));
  const isBesideItsSubject = (path: string) => isTest(path) && paths.has(path.replace("_test.", "."));
  const silent = files.filter(({ path, source }) => !HEADER.test(source) && !isBesideItsSubject(path));
  none(silent.map(({ path }) => path));
});

Deno.test("every folder with code has its sentence in docs/architecture.md", async () => {
  const page = await Deno.readTextFile("docs/architecture.md");
  const folders = new Set(files.map(({ path }) => dirname(path)).filter((folder) => folder !== "."));
  none([...folders].filter((folder) => !page.includes(`| \`${folder}/\` `)));
});

Deno.test("classes are for errors", () => {
  const classes = product.flatMap(({ path, source }) =>
    [...source.matchAll(/^(?:export )?(?:abstract )?class (\w+)(?: extends (\w+))?/gm)]
      .filter(([, , base = ""]) => !base.endsWith("Error"))
      .map(([, name]) => `${path}: ${name}`)
  );
  // listr2 takes a renderer as a class.
  none(classes.filter((found) => found !== "stack/output/live_view.ts: StderrRenderer"));
});

Deno.test("only the configuration reads the environment", () => {
  const readers = product.filter(({ source }) =>
    /\bDeno\.env\b|\bprocess\.env\b|import\.meta\.env/.test(source)
  );
  none(readers.map(({ path }) => path).filter((path) => !READS_ENVIRONMENT.includes(path)));
});

Deno.test("nothing is printed past the log, but by programs that answer a person", () => {
  const speakers = product.filter(({ source }) => /\bconsole\.\w+\(/.test(source));
  none(speakers.map(({ path }) => path).filter((path) => !SPEAKS.includes(path)));
});

Deno.test("a name changes its case in one place on each way: requests, JSON of thoughts, rows, events", () => {
  const mappers = [
    "api/schemas.ts",
    "core/thought_json.ts",
    "core/store/thoughts.ts",
    "core/store/deliveries.ts",
    "webhooks/event.ts",
  ];
  const renames =
    /user_id: *\w*\.?userId|userId: *\w*\.?user_id|"userId"|finished_at: *\w*\.?finishedAt|finishedAt: *\w*\.?finished_at/;
  const renaming = product.filter(({ path, source }) => !mappers.includes(path) && renames.test(source));
  none(renaming.map(({ path }) => path));
});
