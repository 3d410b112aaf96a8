/**
 * Runs the rules' own unit tests with promtool, taken from PROMTOOL or PATH. Without one they are skipped
 * with a message; with REQUIRE_SERVICES=1, as in CI, that is a failure.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { parse } from "yaml";
import { RULE_FILES, RULE_TESTS, ruleTestFiles } from "./rules.ts";

const PROMTOOL = Deno.env.get("PROMTOOL") ?? "promtool";
const found = await run("--version").then(({ success }) => success, () => false);
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: the alert rules' tests. Put promtool on PATH or its path into PROMTOOL.");
}
const ignore = !found && !required;

Deno.test({
  name: "promtool finds nothing wrong with the rules",
  ignore,
  fn: async () => {
    const { success, output } = await run("check", "rules", ...RULE_FILES);
    assert.ok(success, output);
  },
});

Deno.test("each file of cases has the groups evaluated in their order: promtool's own is random", async () => {
  for (const file of await ruleTestFiles()) {
    const { rule_files, group_eval_order } = parse(await Deno.readTextFile(file)) as {
      rule_files: string[];
      group_eval_order?: string[];
    };
    const groups = await Promise.all(rule_files.map(async (path) => {
      const { groups } = parse(await Deno.readTextFile(join(RULE_TESTS, path))) as {
        groups: { name: string }[];
      };
      return groups.map(({ name }) => name);
    }));
    assert.deepEqual(group_eval_order, groups.flat(), file);
  }
});

Deno.test({
  name: "promtool: every case of config/prometheus/tests passes",
  ignore,
  fn: async () => {
    const files = await ruleTestFiles();
    const failures: string[] = [];
    // promtool takes one core, and minutes: each core gets a file at a time.
    const runSome = async () => {
      for (let file = files.shift(); file !== undefined; file = files.shift()) {
        const { success, output } = await run("test", "rules", file);
        if (!success) failures.push(output);
      }
    };
    await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, runSome));
    assert.deepEqual(failures, []);
  },
});

async function run(...args: string[]): Promise<{ success: boolean; output: string }> {
  // It collects garbage for a quarter of its time otherwise.
  const { success, stdout, stderr } = await new Deno.Command(PROMTOOL, { args, env: { GOGC: "800" } })
    .output();
  return { success, output: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
}
