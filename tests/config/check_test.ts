/**
 * Has promtool and amtool (PROMTOOL, AMTOOL or PATH) check the configurations of Prometheus and Alertmanager.
 * Without them these tests are skipped with a message; with REQUIRE_SERVICES=1, as in CI, that is a failure.
 */
import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import { readRepositoryFile } from "../support/compose_file.ts";

interface Outcome {
  readonly success: boolean;
  readonly output: string;
}

const required = Deno.env.get("REQUIRE_SERVICES") === "1";
const prometheus = readRepositoryFile("config/prometheus.yml");

await declare("promtool", async (promtool) => {
  const check = (config: string) => checkFile(promtool, ["check", "config", "--syntax-only"], config);
  const outcome = await check(prometheus);
  // Debian's promtool is older than headers (2.55) and files of further jobs (2.43).
  return /field (http_headers|scrape_config_files) not found/.test(outcome.output)
    ? check(withoutNews(prometheus))
    : outcome;
});

await declare(
  "amtool",
  (amtool) => checkFile(amtool, ["check-config"], readRepositoryFile("config/alertmanager.yml")),
);

async function declare(name: string, check: (program: string) => Promise<Outcome>) {
  const program = Deno.env.get(name.toUpperCase()) ?? name;
  const found = await run(program, "--version").then(({ success }) => success, () => false);
  if (!found && !required) {
    // deno-lint-ignore no-console -- a skipped test must not look like a passed one
    console.warn(`SKIPPED: ${name}'s check. Put it on PATH or its path into ${name.toUpperCase()}.`);
  }
  Deno.test({
    name: `${name} finds nothing wrong with the configuration`,
    ignore: !found && !required,
    fn: async () => {
      const { success, output } = await check(program);
      assert.ok(success, output);
    },
  });
}

async function checkFile(program: string, args: readonly string[], config: string): Promise<Outcome> {
  const file = await Deno.makeTempFile({ suffix: ".yml" });
  try {
    await Deno.writeTextFile(file, config);
    return await run(program, ...args, file);
  } finally {
    await Deno.remove(file);
  }
}

function withoutNews(config: string): string {
  const parsed = parse(config, { merge: true });
  delete parsed.scrape_config_files;
  for (const job of parsed.scrape_configs) delete job.http_headers;
  return stringify(parsed);
}

async function run(program: string, ...args: string[]): Promise<Outcome> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
  return { success, output: [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("") };
}
