/** House rules that a program can check: who reads the environment, who prints, and that every file says what it is. */
import assert from "node:assert/strict";
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
  "dev.ts",
  "worker/redrive.ts",
  "tools/make_key.ts",
  "stack/dashboards/main.ts",
];

/** Folders whose files don't all begin with their sentence yet. To be emptied, never to grow. */
const WITHOUT_HEADERS: readonly string[] = [
  "api",
  "api/live",
  "core",
  "core/cache",
  "core/queue",
  "core/store",
  "core/telemetry",
  "stack",
  "stack/clients",
  "stack/commands",
  "stack/dashboards",
  "stack/docker",
  "stack/doctor",
  "stack/drill",
  "stack/output",
  "stack/packaging",
  "stack/proof",
  "tests/launcher",
  "tests/stack",
  "worker",
  "worker/analysers",
];

const EVERYWHERE = [
  "api",
  "bench",
  "core",
  "dev.ts",
  "stack",
  "start_monitoring.ts",
  "tests",
  "tools",
  "worker",
];
const files = await readModules(EVERYWHERE, () => true);
const product = files.filter(({ path }) =>
  /^(core|api|worker|stack)\/|^(dev|start_monitoring)\.ts$/.test(path) && !isTest(path)
);

const none = (offences: readonly string[]) => assert.deepEqual(offences, []);

Deno.test("every file begins with a sentence that says what it is", () => {
  const silent = files.filter(({ source }) =>
    !/^(#!.*\n|\/\/ deno-[^\n]*\n|\/\*\* @jsx[^\n]*\n)*\/\*\*/.test(source)
  )
    .map(({ path }) => path);
  const folder = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf("/")));
  none(silent.filter((path) => !WITHOUT_HEADERS.includes(folder(path))));
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
