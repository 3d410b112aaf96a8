/**
 * Packs the launcher with everything Docker needs: `dist/thought-processor.js` for those who have Deno, and
 * `dist/thought-processor`, a binary made from it.
 *
 *   deno task compile [--bundle-only]
 */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import config from "../../deno.json" with { type: "json" };
import { collectPayload } from "./payload.ts";

const { env, run } = config.permissions.launcher;

/**
 * A packed launcher's permissions: the same as in a checkout, except for files. It writes its own below the
 * user's state directory, which is known only when it runs.
 */
export const PERMISSIONS = [
  "--no-prompt",
  "--allow-net",
  `--allow-env=${env.allow}`,
  "--ignore-env",
  `--allow-run=${run}`,
  "--allow-read",
  "--allow-write",
];

/**
 * Packs into a folder. The binary is made from the bundle, so that it carries one script instead of every
 * package.
 *
 * @throws {Error} when Deno cannot pack it
 */
export async function pack(root: string, dist: string, { bundleOnly = false } = {}): Promise<void> {
  const payload = await collectPayload(root, config.version);
  await Deno.mkdir(dist, { recursive: true });
  const parts = join(dist, "parts");
  const entry = join(parts, "launcher.ts");
  const output = join(dist, "thought-processor");
  await Deno.mkdir(parts, { recursive: true });
  try {
    await Deno.writeTextFile(join(parts, "payload.json"), JSON.stringify(payload));
    await Deno.writeTextFile(entry, entryText(root));
    await deno(root, ["bundle", "--quiet", "--platform", "deno", "--output", `${output}.js`, entry]);
  } finally {
    await Deno.remove(parts, { recursive: true });
  }
  if (bundleOnly) return;
  // --quiet stays with the binary: Deno would name each program of --allow-run that a machine does not have.
  await deno(root, ["compile", "--quiet", "--no-config", ...PERMISSIONS, "--output", output, `${output}.js`]);
}

function entryText(root: string): string {
  return `import { main } from "${pathToFileURL(join(root, "start_monitoring.ts"))}";
import payload from "./payload.json" with { type: "json" };
Deno.exit(await main(Deno.args, payload));
`;
}

async function deno(root: string, args: string[]): Promise<void> {
  const command = new Deno.Command("deno", {
    args,
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  });
  const { code } = await command.output();
  if (code !== 0) throw new Error(`Cannot pack the launcher: \`deno ${args[0]}\` ended with code ${code}`);
}

if (import.meta.main) {
  const root = join(import.meta.dirname!, "..", "..");
  await pack(root, join(root, "dist"), { bundleOnly: Deno.args.includes("--bundle-only") });
}
