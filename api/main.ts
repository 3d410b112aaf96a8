/** The API process. */
import { ConfigError, loadConfig } from "../core/config.ts";
import { migrate } from "../core/database.ts";
import { openDatabase } from "../core/database_open.ts";
import { EXIT, runProcess } from "../core/lifecycle.ts";
import { createLogger, reason } from "../core/log.ts";
import { startApi } from "./serve.ts";

const SERVICE = "thoughtprocessor-api";

function configure() {
  try {
    return loadConfig();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const log = createLogger({ service: SERVICE });
    log.error("cannot start", { reason: reason(error) });
    log.flush();
    Deno.exit(EXIT.misconfigured);
  }
}

const config = configure();
const log = createLogger({ service: SERVICE, level: config.logLevel });

await runProcess(log, async (stack) => {
  const database = stack.use(await openDatabase(config));
  await migrate(database, log);
  const api = stack.use(startApi({ database, log, host: config.apiHost, port: config.apiPort }));
  return { failed: api.finished.then(() => new Error("The HTTP server ended by itself")) };
});
