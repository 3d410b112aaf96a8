/** The tables of README.md and MONITORING.md that repeat code: tasks, settings, metrics, limits, objectives, alerts. */
import { parse } from "yaml";
import { SETTINGS } from "../core/settings.ts";
import { CATALOGUE } from "../core/telemetry/catalogue.ts";
import { type Objective, OBJECTIVES, type Threshold, THRESHOLDS } from "../core/telemetry/thresholds.ts";
import manifest from "../deno.json" with { type: "json" };
import { table } from "./markdown_table.ts";

interface RuleFile {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly { readonly alert?: string; readonly labels?: { readonly severity?: string } }[];
  }[];
}

export function tasks(): string {
  const rows = Object.entries(manifest.tasks).map((
    [name, { description }],
  ) => [`\`deno task ${name}\``, description]);
  return table(["command", "what it does"], rows);
}

export function settings(): string {
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

export function metrics(): string {
  const rows = Object.entries(CATALOGUE).map(([name, declared]) => {
    const labels = "labels" in declared ? `{${declared.labels.join(", ")}}` : "";
    return [`\`${name}${labels}\``, declared.type, declared.on.join(", "), declared.help];
  });
  return table(["metric", "type", "on", "what it says"], rows);
}

export function thresholds(): string {
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

export function objectives(): string {
  const rows = Object.values(OBJECTIVES).map(({ title, target, good }: Objective) => [
    title,
    `${target * 100} %`,
    good,
  ]);
  return table(["objective", "target", "what counts as good"], rows);
}

/** One row per alert, in the order of the rule files; an alert with two severities has two rules. */
export function alerts(): string {
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

/** From a document in the repository's root. */
function runbookLink(alert: string): string {
  return `[${alert}](docs/runbooks.md#${alert.toLowerCase()})`;
}

function amount(value: number, { unit }: Threshold): string {
  switch (unit) {
    case "ratio":
      return `${value * 100} %`;
    case "seconds":
      return value >= 86_400 ? `${value / 86_400} d` : `${value} s`;
    case "usd":
      return `${value} USD`;
    case "bytes":
      return `${value / 1_000_000} MB`;
    case "count":
      return value >= 1_000_000 ? `${value / 1_000_000} million` : String(value);
  }
}
