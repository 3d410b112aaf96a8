/** The API process. */
import "../core/no_environment.ts";
import { loadConfigOrExit } from "../core/config.ts";
import { migrate } from "../core/store/database.ts";
import { openDatabase } from "../core/open.ts";
import { runProcess } from "../core/process.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { openAccess } from "./access_config.ts";
import { startApi } from "./serve.ts";

const config = loadConfigOrExit("api");
const log = createLogger({ service: "thoughtprocessor-api", level: config.logLevel });

await runProcess(log, async (stack) => {
  const database = stack.use(await openDatabase(config));
  await migrate(database, log);
  const api = stack.use(
    startApi({
      database,
      log,
      host: config.apiHost,
      port: config.apiPort,
      access: openAccess(config, log, stack),
    }),
  );
  return { failed: api.finished.then(() => new Error("The HTTP server ended by itself")) };
});
