/**
 * Migrates the database's schema and exits: the step before a rollout. API and workers do the same when they
 * start.
 */
import "../core/no_environment.ts";
import { loadConfigOrExit } from "../core/config.ts";
import { openDatabase } from "../core/open.ts";
import { EXIT, LAST_LINES_MS } from "../core/process.ts";
import { migrate, NEWEST_MIGRATION } from "../core/store/database.ts";
import { createLogger, reason } from "../core/telemetry/log.ts";

const config = loadConfigOrExit("api");
const log = createLogger({ service: "thoughtprocessor-migration", level: config.logLevel });

let code: number = EXIT.ok;
try {
  await using database = await openDatabase(config);
  await migrate(database, log);
  log.info("schema is up to date", { version: NEWEST_MIGRATION });
} catch (error) {
  log.error("failed", { reason: reason(error) });
  code = EXIT.failed;
}
await log.drain(LAST_LINES_MS);
Deno.exit(code);
