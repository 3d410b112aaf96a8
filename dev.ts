/**
 * API, worker and webhooks in one process. With nothing configured nothing else is needed: database, queue and cache
 * are inside.
 */
import "./core/no_environment.ts";
import { resolve } from "node:path";
import { openAccess } from "./api/access_config.ts";
import { startApi } from "./api/serve.ts";
import { openCache, openDatabase, openQueue } from "./core/open.ts";
import { loadConfigOrExit, manifest } from "./core/config.ts";
import { migrateOrWait } from "./core/store/migrated.ts";
import { runProcess } from "./core/process.ts";
import { createLogger } from "./core/telemetry/log.ts";
import { startTracing } from "./core/telemetry/trace_export.ts";
import { createAnalyser } from "./worker/analysers/registry.ts";
import { startWebhooks } from "./webhooks/webhooks.ts";
import { startWorker } from "./worker/worker.ts";

const SERVICE = "thoughtprocessor-dev";
const config = loadConfigOrExit();
const log = createLogger({ service: SERVICE, level: config.logLevel });

await runProcess(log, async (stack) => {
  stack.use(startTracing(config, { service: SERVICE, version: manifest.version }));
  const analyser = await createAnalyser(config);
  const opened = stack.use(await openDatabase(config, log));
  const { database, failed } = stack.use(await migrateOrWait(opened, log));
  const queue = stack.use(openQueue(config, log));
  const cache = stack.use(openCache(config, log));
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
  const worker = stack.use(
    startWorker({ config, version: manifest.version, database, queue, cache, analyser, log }),
  );
  stack.use(startWebhooks({ config, version: manifest.version, database, log, serve: false }));

  // Creating the database leaves hundreds of megabytes of garbage, which would stay while little happens.
  (globalThis as { gc?: () => void }).gc?.();

  const data = config.databaseUrl === undefined ? resolve(config.dataDir) : database.name;
  // deno-lint-ignore no-console -- what a person needs to go on; the logs are on stdout
  console.error(`
  Thought Processor is running.

    API      ${api.url}   (documentation: ${api.url}/docs)
    Metrics  ${api.url}/metrics   ${worker.url}/metrics
    Data     ${data}

  Try it:

    curl -s ${api.url}/thoughts -H 'content-type: application/json' \\
      -d '{"user_id": "me", "text": "I want to learn to play the guitar this year"}'

  Ctrl-C stops it; your thoughts stay.
`);
  return {
    failed: Promise.race([
      failed,
      worker.failed,
      api.finished.then(() => new Error("The HTTP server ended by itself")),
    ]),
  };
});
