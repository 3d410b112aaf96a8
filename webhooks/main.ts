/** The process that delivers webhooks: the only one that connects to hosts which callers name. */
import "../core/no_environment.ts";
import { loadConfigOrExit, manifest } from "../core/config.ts";
import { openDatabase } from "../core/open.ts";
import { runProcess } from "../core/process.ts";
import { migrateOrWait } from "../core/store/migrated.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { startTracing } from "../core/telemetry/trace_export.ts";
import { startWebhooks } from "./webhooks.ts";

const SERVICE = "webhooks";
const config = loadConfigOrExit("webhooks");
const log = createLogger({ service: SERVICE, level: config.logLevel });

await runProcess(log, async (stack) => {
  stack.use(startTracing(config, { service: SERVICE, version: manifest.version }));
  const opened = stack.use(await openDatabase(config, log));
  const { database, failed } = stack.use(await migrateOrWait(opened, log));
  const webhooks = stack.use(
    startWebhooks({ config, version: manifest.version, database, log, serve: true }),
  );
  log.info("delivering webhooks", { metrics: webhooks.url, database: database.name });
  return { failed };
});
