import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod/mini";
import type { Drill } from "./drills.ts";

const Rules = z.object({
  groups: z.array(z.object({
    name: z.string(),
    rules: z.array(z.looseObject({
      record: z.optional(z.string()),
      alert: z.optional(z.string()),
      expr: z.string(),
      for: z.optional(z.string()),
      labels: z._default(z.record(z.string(), z.string()), {}),
    })),
  })),
});

export type RuleGroup = z.output<typeof Rules>["groups"][number];

/** The groups of a rule file below config/prometheus. */
export async function readRuleGroups(homeDir: string, file: string): Promise<RuleGroup[]> {
  const text = await Deno.readTextFile(join(homeDir, "config", "prometheus", file));
  return Rules.parse(parse(text)).groups;
}

/** For how long each drill's alert has to be true before it fires, by the drill's name; "0s" where it fires at once. */
export async function firesAfter(homeDir: string, drills: readonly Drill[]): Promise<Map<string, string>> {
  const rules = (await readRuleGroups(homeDir, "alerts.yml")).flatMap((group) => group.rules);
  return new Map(drills.map(({ name, alert, severity }) => {
    const rule = rules.find((r) => r.alert === alert && r.labels.severity === severity);
    return [name, rule?.for ?? "0s"];
  }));
}
