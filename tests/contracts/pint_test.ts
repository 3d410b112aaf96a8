/**
 * Cloudflare's pint finds nothing wrong with the rules, nor with those that `adopt` writes, and it would: taken
 * from PINT or PATH. Without it the tests are skipped with a message; with REQUIRE_SERVICES=1, as in CI, that is
 * a failure.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { stringify } from "yaml";
import { serviceFiles } from "../../stack/extensions/service_files.ts";
import { SHOP } from "../support/adopted_service.ts";
import { isInstalled } from "../support/program.ts";
import { RULE_FILES } from "./rules.ts";

const PINT = Deno.env.get("PINT") ?? "pint";
const CONFIG = "tests/contracts/pint.hcl";
const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const found = await isInstalled(PINT, "version");
if (!found && !required) {
  // deno-lint-ignore no-console -- a skipped test must not look like a passed one
  console.warn("SKIPPED: pint on the rules. `.ci/services install` builds it; or put its path into PINT.");
}
const ignore = !found && !required;

/** A mistake of each kind that matters, by the check that has to find it. */
const MISTAKES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "promql/syntax": { alert: "A", expr: "sum(up" },
  "alerts/comparison": { alert: "A", expr: "sum(up)" },
  "alerts/template": {
    alert: "A",
    expr: "sum by (job) (up) == 0",
    annotations: { summary: "{{ $labels.instance }} is down" },
  },
  "alerts/for": { alert: "A", expr: "up == 0", for: "0s" },
  "promql/impossible": { alert: "A", expr: "sum(up) / on (job) count(up) < 1" },
  "promql/regexp": { alert: "A", expr: 'up{job=~"node"} == 0' },
  "promql/fragile": { alert: "A", expr: "topk(3, up) == 0" },
};

Deno.test({
  name: "pint finds nothing wrong with the rules",
  ignore,
  fn: async () => {
    const { success, output } = await lint(RULE_FILES);
    assert.ok(success, output);
  },
});

Deno.test({
  name: "pint finds nothing wrong with the alerts that adopt writes",
  ignore,
  async fn() {
    const files = serviceFiles(SHOP);
    await withFile(files.get("rules/shop.yml")!, async (file) => {
      const { success, output } = await lint([file]);
      assert.ok(success, output);
    });
  },
});

for (const [check, rule] of Object.entries(MISTAKES)) {
  Deno.test({
    name: `pint would find a mistake of the kind ${check}`,
    ignore,
    fn: () =>
      withFile(stringify({ groups: [{ name: "broken", rules: [rule] }] }), async (file) => {
        const { success, output } = await lint([file]);
        assert.ok(!success && output.includes(`(${check})`), output);
      }),
  });
}

async function withFile(text: string, use: (file: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    const file = join(dir, "rules.yml");
    await Deno.writeTextFile(file, text);
    await use(file);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

async function lint(files: readonly string[]): Promise<{ success: boolean; output: string }> {
  const args = [
    "--no-color",
    "--offline",
    "--config",
    CONFIG,
    "lint",
    "--fail-on=info",
    "--min-severity=info",
    ...files,
  ];
  const { success, stdout, stderr } = await new Deno.Command(PINT, { args }).output();
  const text = new TextDecoder();
  return { success, output: text.decode(stdout) + text.decode(stderr) };
}
