/** The variables that each permission set of deno.json lists, generated from the table of settings. */
import { type Program, PROGRAMS, SETTINGS } from "../core/settings.ts";

/** Which settings each set of deno.json covers. */
const SETS: Readonly<Record<string, readonly Program[]>> = {
  api: ["api"],
  worker: ["worker"],
  webhooks: ["webhooks"],
  dev: PROGRAMS,
  start: PROGRAMS,
};

interface Manifest {
  readonly permissions: Record<string, { env?: unknown }>;
}

/** The text of deno.json, with its lists of variables generated again. */
export function withPermissions(manifest: string): string {
  const parsed = JSON.parse(manifest) as Manifest;
  for (const [set, programs] of Object.entries(SETS)) parsed.permissions[set]!.env = variables(programs);
  return JSON.stringify(parsed, null, 2) + "\n";
}

/** The variables of these programs, in the order of the table; a secret's file comes after it. */
function variables(programs: readonly Program[]): string[] {
  return Object.values(SETTINGS).filter(({ on }) =>
    programs.some((program) => on.some((it) => it === program))
  )
    .flatMap((setting) => "secret" in setting ? [setting.env, `${setting.env}_FILE`] : [setting.env]);
}
