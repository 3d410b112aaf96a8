/** The worker's process: configuration in, exit code out. */
import "../core/no_environment.ts";
import { openCache, openDatabase, openQueue } from "../core/open.ts";
import { loadConfigOrExit, manifest } from "../core/config.ts";
import { migrateOrWait } from "../core/store/migrated.ts";
import { runProcess } from "../core/process.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { startTracing } from "../core/telemetry/trace_export.ts";
import { createAnalyser } from "./analysers/registry.ts";
import { startWorker } from "./worker.ts";

const SERVICE = "kafka-worker";
const config = loadConfigOrExit("worker");
const log = createLogger({ service: SERVICE, level: config.logLevel });

await runProcess(log, async (stack) => {
  stack.use(startTracing(config, { service: SERVICE, version: manifest.version }));
  const analyser = await createAnalyser(config);
  const opened = stack.use(await openDatabase(config, log));
  const { database, failed } = stack.use(await migrateOrWait(opened, log));
  const queue = stack.use(openQueue(config, log));
  const cache = stack.use(openCache(config, log));
  const worker = stack.use(
    startWorker({ config, version: manifest.version, database, queue, cache, analyser, log }),
  );
  log.info("worker started", {
    metrics: worker.url,
    database: database.name,
    queue: queue.name,
    cache: cache.name,
    analyser: analyser.name,
  });
  return { failed: Promise.race([failed, worker.failed]) };
});
