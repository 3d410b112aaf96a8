/** The rule files and their promtool tests, parsed. */
import { parse } from "yaml";

export interface Rule {
  readonly file: string;
  readonly expr: string;
  readonly record?: string;
  readonly alert?: string;
  readonly for?: string;
  readonly keep_firing_for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface AlertCase {
  readonly file: string;
  readonly alert: string;
  /** Severities of the alerts expected to fire; none when it should stay silent. */
  readonly severities: readonly string[];
  /** Their label `component`. */
  readonly components: readonly (string | undefined)[];
}

export const RULE_FILES = ["recording", "slo", "alerts"].map((name) => `config/prometheus/${name}.yml`);
export const RULE_TESTS = "config/prometheus/tests";

export async function readRules(): Promise<Rule[]> {
  const files = await Promise.all(RULE_FILES.map(async (file) => {
    const { groups } = parse(await Deno.readTextFile(file)) as { groups: { rules: Omit<Rule, "file">[] }[] };
    return groups.flatMap(({ rules }) => rules.map((rule) => ({ ...rule, file })));
  }));
  return files.flat();
}

/** The files that `promtool test rules` runs. */
export async function ruleTestFiles(): Promise<string[]> {
  const files = await Array.fromAsync(Deno.readDir(RULE_TESTS), ({ name }) => `${RULE_TESTS}/${name}`);
  return files.filter((file) => file.endsWith(".yml")).sort();
}

export async function readAlertCases(): Promise<AlertCase[]> {
  interface TestFile {
    tests: {
      alert_rule_test: {
        alertname: string;
        exp_alerts: { exp_labels: { severity: string; component?: string } }[];
      }[];
    }[];
  }
  const files = await Promise.all((await ruleTestFiles()).map(async (file) => {
    const { tests } = parse(await Deno.readTextFile(file)) as TestFile;
    return tests.flatMap((test) => test.alert_rule_test).map(({ alertname, exp_alerts }) => ({
      file,
      alert: alertname,
      severities: exp_alerts.map(({ exp_labels }) => exp_labels.severity),
      components: exp_alerts.map(({ exp_labels }) => exp_labels.component),
    }));
  }));
  return files.flat();
}
