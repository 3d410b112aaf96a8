/**
 * The start step of `deno task dev`: prints the folder that the embedded database may write to, for
 * `--allow-write`.
 *
 *     deno run -P=dev --allow-write="$(deno run -P=start tools/data_folder.ts)" dev.ts
 */
import { ConfigError, loadConfig } from "../core/config.ts";
import { SETTINGS } from "../core/settings.ts";

function dataFolder(): string {
  try {
    return loadConfig().dataDir;
  } catch (error) {
    if (error instanceof ConfigError) return SETTINGS.dataDir.schema.parse(undefined); // the program itself reports what is wrong
    throw error;
  }
}

// deno-lint-ignore no-console -- its output is what it is for
if (import.meta.main) console.log(dataFolder());
