/** The API process. */
import "../core/no_environment.ts";
import { loadConfigOrExit, manifest } from "../core/config.ts";
import { migrateOrWait } from "../core/store/migrated.ts";
import { openDatabase } from "../core/open.ts";
import { runProcess } from "../core/process.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { startTracing } from "../core/telemetry/trace_export.ts";
import { API_SERVICE } from "../core/telemetry/tracing.ts";
import { openAccess } from "./access_config.ts";
import { startApi } from "./serve.ts";

const config = loadConfigOrExit("api");
const log = createLogger({ service: API_SERVICE, level: config.logLevel });

await runProcess(log, async (stack) => {
  stack.use(startTracing(config, { service: API_SERVICE, version: manifest.version }));
  const opened = stack.use(await openDatabase(config, log));
  const { database, failed } = stack.use(await migrateOrWait(opened, log));
  const api = stack.use(
    startApi({
      database,
      log,
      host: config.apiHost,
      port: config.apiPort,
      access: openAccess(config, log, stack),
      webhookPrivateHosts: config.webhookPrivateHosts,
    }),
  );
  const ended = api.finished.then(() => new Error("The HTTP server ended by itself"));
  return { failed: Promise.race([failed, ended]) };
});
