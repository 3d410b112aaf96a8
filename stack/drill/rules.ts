/** The rule files of config/prometheus. */
import { join } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import type { Drill } from "./drills.ts";

const Rules = z.object({
  groups: z.array(z.object({
    name: z.string(),
    rules: z.array(z.looseObject({
      record: z.string().optional(),
      alert: z.string().optional(),
      expr: z.string(),
      for: z.string().optional(),
      keep_firing_for: z.string().optional(),
      labels: z.record(z.string(), z.string()).default({}),
    })),
  })),
});

export type RuleGroup = z.output<typeof Rules>["groups"][number];

/** The groups of a rule file below config/prometheus. */
export async function readRuleGroups(dir: string, file: string): Promise<RuleGroup[]> {
  const text = await Deno.readTextFile(join(dir, "config", "prometheus", file));
  return Rules.parse(parse(text)).groups;
}

/**
 * How long each drill's alert has to be true before it fires, by the drill's name; "0s" if it fires at once.
 */
export async function firesAfter(dir: string, drills: readonly Drill[]): Promise<Map<string, string>> {
  const rules = (await readRuleGroups(dir, "alerts.yml")).flatMap((group) => group.rules);
  return new Map(drills.map(({ name, alert, severity }) => {
    const rule = rules.find((r) => r.alert === alert && r.labels.severity === severity);
    return [name, rule?.for ?? "0s"];
  }));
}
