// deno-lint-ignore-file no-console -- a command line program
/**
 * `deno task docs`: rewrites what repeats code: the variables in deno.json's permissions, and the tables in the docs,
 * between `<!-- generated: NAME -->` and `<!-- end -->`. With `--check` nothing is written, and what differs is named.
 */
import { parse } from "yaml";
import { SETTINGS } from "../core/config.ts";
import { CATALOGUE } from "../core/telemetry/metrics.ts";
import manifest from "../deno.json" with { type: "json" };
import { type Objective, OBJECTIVES, type Threshold, THRESHOLDS } from "../core/telemetry/thresholds.ts";
import { readDashboards } from "../stack/dashboards/model.ts";
import { readPackages } from "./packages.ts";
import { containerChecks } from "./container_checks_page.ts";
import { licences, packages } from "./licences_page.ts";
import { table } from "./markdown_table.ts";
import { withPermissions } from "./permissions.ts";

interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly { readonly alert?: string; readonly labels?: { readonly severity?: string } }[];
  }[];
}

const DOCUMENTS = [
  "README.md",
  "MONITORING.md",
  "docs/panels.md",
  "docs/decisions/README.md",
  "docs/licences.md",
  "docs/container-checks.md",
];

const dashboards = await readDashboards();
/** What the numbers of decisions stand for, both ends included. */
const TOPICS: readonly (readonly [first: number, last: number, topic: string])[] = [
  [1, 9, "foundations"],
  [10, 19, "containers and their configuration"],
  [20, 29, "metrics, rules, alerts, dashboards, logs, traces"],
  [30, 39, "the launcher"],
  [40, 49, "the API"],
  [50, 59, "worker speed, clocks, supply chain, permissions"],
  [60, 64, "the pipeline"],
  [65, 69, "language models"],
  [70, 74, "stores"],
  [75, 79, "the API, continued"],
];

const used = await readPackages(manifest.imports);

const TABLES: Readonly<Record<string, () => string>> = {
  tasks,
  settings,
  metrics,
  thresholds,
  objectives,
  panels,
  alerts,
  decisions,
  licences: () => licences(used),
  directPackages: () => packages(used.filter(({ direct }) => direct)),
  otherPackages: () => packages(used.filter(({ direct }) => !direct)),
  containerChecks,
};

function tasks(): string {
  const rows = Object.entries(manifest.tasks).map((
    [name, { description }],
  ) => [`\`deno task ${name}\``, description]);
  return table(["command", "what it does"], rows);
}

function settings(): string {
  const rows = Object.values(SETTINGS).map((setting) => {
    const fallback = setting.schema.safeParse(undefined).data;
    const secret = "secret" in setting ? ` Or a file's path in \`${setting.env}_FILE\`.` : "";
    return [
      `\`${setting.env}\``,
      fallback === undefined ? "" : `\`${fallback}\``,
      setting.on.join(", "),
      setting.help + secret,
    ];
  });
  return table(["variable", "default", "read by", "what for"], rows);
}

function metrics(): string {
  const rows = Object.entries(CATALOGUE).map(([name, declared]) => {
    const labels = "labels" in declared ? `{${declared.labels.join(", ")}}` : "";
    return [`\`${name}${labels}\``, declared.type, declared.on.join(", "), declared.help];
  });
  return table(["metric", "type", "on", "what it says"], rows);
}

function thresholds(): string {
  const rows = Object.values(THRESHOLDS).map((threshold: Threshold) => {
    const { title, bad, alert, critical } = threshold;
    const worse = critical === undefined ? "" : amount(critical, threshold);
    return [
      title,
      `${bad} ${amount(threshold.warn, threshold)}`,
      worse,
      alert === undefined ? "" : runbookLink(alert),
    ];
  });
  return table(["what", "warning", "critical", "alert"], rows);
}

function objectives(): string {
  const rows = Object.values(OBJECTIVES).map(({ title, target, good }: Objective) => [
    title,
    `${target * 100} %`,
    good,
  ]);
  return table(["objective", "target", "what counts as good"], rows);
}

function panels(): string {
  return dashboards.map(({ title, panels }) => {
    const rows = panels.map(({ title, description }) => [title, description]);
    return `## ${title}\n\n${table(["panel", "what it says"], rows)}`;
  }).join("\n\n");
}

/** One row per alert, in the order of the rule files; an alert with two severities has two rules. */
function alerts(): string {
  const rows = new Map<string, readonly string[]>();
  for (const file of ["alerts", "slo"]) {
    const { groups } = parse(Deno.readTextFileSync(`config/prometheus/${file}.yml`)) as RuleFile;
    for (const { name: group, rules } of groups) {
      for (const { alert, labels } of rules) {
        if (alert === undefined) continue;
        const severities = new Set([...rows.get(alert)?.[2]?.split(", ") ?? [], labels?.severity ?? ""]);
        rows.set(alert, [group, runbookLink(alert), [...severities].join(", ")]);
      }
    }
  }
  return table(["about", "alert", "severity"], [...rows.values()]);
}

/** Every page in docs/decisions/, under its topic. */
function decisions(): string {
  const pages = [...Deno.readDirSync("docs/decisions")].map(({ name }) => name)
    .filter((name) => /^\d{4}-/.test(name)).sort();
  const topics = TOPICS.flatMap(([first, last, topic]) => {
    const mine = pages.filter((name) =>
      Number(name.slice(0, 4)) >= first && Number(name.slice(0, 4)) <= last
    );
    const rows = mine.map((name) => {
      const title = /^# (\d+)\. (.+)$/m.exec(Deno.readTextFileSync(`docs/decisions/${name}`));
      if (title === null) throw new Error(`docs/decisions/${name} has no title "# NUMBER. Decision"`);
      return [title[1]!, `[${title[2]}](${name})`];
    });
    return rows.length === 0 ? [] : [`## ${first}–${last}: ${topic}\n\n${table(["", "decision"], rows)}`];
  });
  return topics.join("\n\n");
}

/** From a document in the repository's root. */
function runbookLink(alert: string): string {
  return `[${alert}](docs/runbooks.md#${alert.toLowerCase()})`;
}

function amount(value: number, { unit }: Threshold): string {
  switch (unit) {
    case "ratio":
      return `${value * 100} %`;
    case "seconds":
      return `${value} s`;
    case "bytes":
      return `${value / 1_000_000} MB`;
    case "count":
      return String(value);
  }
}

/** Columns padded as `deno fmt` would, so that the formatter and this program agree. */
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

const check = Deno.args.includes("--check");
const stale: string[] = [];
for (const path of DOCUMENTS) {
  const before = await Deno.readTextFile(path);
  const filled = before.replaceAll(
    /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, open, name, end) => {
      const make = TABLES[name];
      if (make === undefined) {
        throw new Error(`${path}: there is no table "${name}", only ${Object.keys(TABLES)}`);
      }
      return `${open}\n${make()}\n\n${end}`;
    },
  );
  await keep(path, before, await formatted(filled));
}
const permissions = await Deno.readTextFile("deno.json");
await keep("deno.json", permissions, withPermissions(permissions));
/** Writes what has changed, or, with `--check`, notes it. */
async function keep(path: string, before: string, after: string): Promise<void> {
  if (after === before) return;
  stale.push(path);
  if (!check) await Deno.writeTextFile(path, after);
}

if (check && stale.length > 0) {
  console.error(`Not up to date: ${stale.join(", ")}. Run: deno task docs`);
  Deno.exit(1);
}
console.error(stale.length > 0 ? `Rewritten: ${stale.join(", ")}` : "Up to date");
