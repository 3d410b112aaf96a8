// deno-lint-ignore-file no-console -- a command line program
/**
 * `deno task docs`: regenerates what repeats code. These are the tables in the docs, between `<!-- generated:
 * NAME -->` and `<!-- end -->`, the variables in deno.json's permissions, and those that the Helm chart's
 * values may set, and the packages of programs.lock. With `--check` it writes nothing and names the files
 * that differ.
 */
import manifest from "../deno.json" with { type: "json" };
import { withSettings } from "./chart_settings.ts";
import { containerChecks } from "./container_checks_page.ts";
import { decisions } from "./decisions_page.ts";
import { endpointAnswers } from "./endpoint_answers_page.ts";
import { licences, packages } from "./licences_page.ts";
import { readPackages } from "./packages.ts";
import { programsLock } from "./programs_lock.ts";
import { panels } from "./panels_page.ts";
import { withPermissions } from "./permissions.ts";
import { scalePostgres, scaleQueueAndCache, scaleSizes, scaleWaits } from "./scale_page.ts";
import { alerts, metrics, objectives, settings, tasks, thresholds } from "./tables.ts";

const DOCUMENTS = [
  "README.md",
  "MONITORING.md",
  "docs/panels.md",
  "docs/decisions/README.md",
  "docs/licences.md",
  "docs/container-checks.md",
  "docs/models.md",
  "docs/scale.md",
];

const used = await readPackages(manifest.imports);

const TABLES: Readonly<Record<string, () => string>> = {
  tasks,
  settings,
  metrics,
  thresholds,
  objectives,
  alerts,
  panels,
  decisions,
  licences: () => licences(used),
  directPackages: () => packages(used.filter(({ direct }) => direct)),
  otherPackages: () => packages(used.filter(({ direct }) => !direct)),
  containerChecks,
  endpointAnswers,
  scaleSizes,
  scalePostgres,
  scaleQueueAndCache,
  scaleWaits,
};

const check = Deno.args.includes("--check");
const stale: string[] = [];
for (const path of DOCUMENTS) await update(path, async (text) => await formatted(filled(path, text)));
await update("deno.json", withPermissions);
await update("deploy/helm/thought-processor/values.schema.json", withSettings);
await update("programs.lock", async () => programsLock(await Deno.readTextFile("deno.lock"), used));

if (check && stale.length > 0) {
  console.error(`Not up to date: ${stale.join(", ")}. Run: deno task docs`);
  Deno.exit(1);
}
console.error(stale.length > 0 ? `Rewritten: ${stale.join(", ")}` : "Up to date");

/** Writes a file if it changes; with `--check`, only notes it. */
async function update(path: string, change: (text: string) => string | Promise<string>): Promise<void> {
  const before = await Deno.readTextFile(path);
  const after = await change(before);
  if (after === before) return;
  stale.push(path);
  if (!check) await Deno.writeTextFile(path, after);
}

/** @throws {Error} when a document names a table that does not exist */
function filled(path: string, text: string): string {
  return text.replaceAll(/(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, open, name, end) => {
    const make = TABLES[name];
    if (make === undefined) {
      throw new Error(`${path}: there is no table "${name}", only ${Object.keys(TABLES).join(", ")}`);
    }
    return `${open}\n${make()}\n\n${end}`;
  });
}

/** Columns padded as `deno fmt` pads them: the formatter and this program agree. */
async function formatted(markdown: string): Promise<string> {
  const fmt = new Deno.Command("deno", {
    args: ["fmt", "--ext=md", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = fmt.stdin.getWriter();
  await writer.write(new TextEncoder().encode(markdown));
  await writer.close();
  return new TextDecoder().decode((await fmt.output()).stdout);
}
