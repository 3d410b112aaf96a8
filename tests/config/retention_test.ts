/** How long metrics, logs and traces are kept. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { SLO_PERIOD } from "../../core/telemetry/thresholds.ts";
import { interpolate, readComposeFile, readRepositoryFile } from "../support/compose_file.ts";

const config = (path: string, env = {}) => parse(interpolate(readRepositoryFile(path), env));

Deno.test("metrics are kept for as long as error budgets are counted over", () => {
  const flag = `--storage.tsdb.retention.time=${SLO_PERIOD}`;
  assert.ok(readComposeFile().services.prometheus!.command!.includes(flag), flag);
});

Deno.test("logs are kept for 7 days, and the compactor deletes older ones", () => {
  const loki = config("config/loki-config.yml");
  assert.equal(loki.limits_config.retention_period, "168h");
  assert.equal(loki.compactor.retention_enabled, true);
  assert.equal(loki.compactor.delete_request_store, "filesystem");
  assert.equal(loki.schema_config.configs[0].index.period, "24h"); // retention works on whole index periods
});

Deno.test("traces are kept for 7 days by the scheduler of compaction and by its worker", () => {
  const tempo = config("config/tempo-config.yml");
  assert.equal(tempo.backend_scheduler.provider.compaction.compaction.block_retention, "168h");
  assert.equal(tempo.backend_worker.compaction.block_retention, "168h");
});

Deno.test("a retention in .env reaches the program it is for", () => {
  const { services } = readComposeFile({
    LOKI_RETENTION: "24h",
    TEMPO_RETENTION: "48h",
    PROMETHEUS_RETENTION: "3d",
  });
  for (const name of ["loki", "tempo"]) {
    assert.ok(services[name]!.command!.includes("-config.expand-env=true"), name);
  }
  const loki = config("config/loki-config.yml", services.loki!.environment);
  assert.equal(loki.limits_config.retention_period, "24h");
  const tempo = config("config/tempo-config.yml", services.tempo!.environment);
  assert.equal(tempo.backend_worker.compaction.block_retention, "48h");
  assert.equal(tempo.backend_scheduler.provider.compaction.compaction.block_retention, "48h");
  assert.ok(services.prometheus!.command!.includes("--storage.tsdb.retention.time=3d"));
});
