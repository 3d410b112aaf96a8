/** Database & Cache: PostgreSQL and Redis. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { MIN_FORECAST_SAMPLES } from "../../core/telemetry/thresholds.ts";
import { closedSection, dashboard, section, upFrom } from "./theme.ts";
import { dial, graph, logLines, number } from "./panels.ts";

/** Of every database of the server, ours: its name is the deployment's choice. */
const OURS = "and on (datname) database:ours";
const LOGS = '{service=~"db|redis"}';

export function databaseDashboard(): Dashboard {
  return dashboard(
    "tp-database",
    "PostgreSQL, which holds every thought, and Redis, which holds analyses.",
    LOGS,
  )
    .withPanel(number({
      title: "PostgreSQL",
      description: "Whether the exporter reaches the server. Without the server the API refuses thoughts.",
      span: 4,
      unit: "count",
      words: ["down", "up"],
      expr: "min(pg_up) or vector(0)",
      colours: upFrom(1),
    }))
    .withPanel(number({
      title: "Connections",
      description: "Open connections to every database of the server.",
      span: 4,
      unit: "count",
      threshold: "databaseConnections",
      expr: "sum(pg_stat_database_numbackends)",
    }))
    .withPanel(number({
      title: "Database size, of its limit",
      description: "What our database occupies on disk, as a share of DATABASE_SIZE_LIMIT_MB.",
      span: 4,
      unit: "ratio",
      threshold: "databaseSize",
      expr: `(pg_database_size_bytes ${OURS}) / scalar(max(batch_processor_database_size_limit_bytes))`,
      noValue: "No limit",
    }))
    .withPanel(number({
      title: "Redis",
      description:
        "Whether the exporter reaches the server. Without the server every lookup is a miss; nothing is lost.",
      span: 4,
      unit: "count",
      words: ["down", "up"],
      expr: "min(redis_up) or vector(0)",
      colours: upFrom(1),
    }))
    .withPanel(number({
      title: "Redis memory",
      description: "Memory that Redis holds.",
      span: 4,
      unit: "bytes",
      threshold: "redisMemory",
      expr: "sum(redis_memory_used_bytes)",
    }))
    .withPanel(dial({
      title: "Cache hits",
      description: "Share of analyses found in the cache over 15 minutes, as the workers count it.",
      span: 4,
      unit: "ratio",
      threshold: "cacheHitRatio",
      expr: "worker:cache_hit_ratio:rate15m",
      min: 0,
      max: 1,
      noValue: "No lookups",
    }))
    .withPanel(graph({
      title: "Connections by state",
      description: "`idle in transaction` should be 0: it holds locks and blocks clean-up.",
      span: 8,
      unit: "count",
      threshold: "databaseConnections",
      series: { "{{state}}": `sum by (state) (pg_stat_activity_count{state=~"active|idle.*"} ${OURS})` },
      min: 0,
    }))
    .withPanel(graph({
      title: "Transactions",
      description: "Transactions per second. Rollbacks are refused statements and fenced writes.",
      span: 8,
      unit: "per second",
      series: {
        commits: `sum(rate(pg_stat_database_xact_commit[$__rate_interval]) ${OURS})`,
        rollbacks: `sum(rate(pg_stat_database_xact_rollback[$__rate_interval]) ${OURS})`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Redis operations",
      description: "Commands per second by kind, without those that only maintain the connection.",
      span: 8,
      unit: "per second",
      series: {
        "{{cmd}}":
          'sum by (cmd) (rate(redis_commands_total{cmd!~"auth|client.*|config.*|hello|info|latency.*|ping|slowlog.*"}[$__rate_interval]))',
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Row operations",
      description:
        "Rows inserted, updated and deleted per second. One thought is an insert and a few updates.",
      span: 8,
      unit: "per second",
      series: {
        inserted: `sum(rate(pg_stat_database_tup_inserted[$__rate_interval]) ${OURS})`,
        updated: `sum(rate(pg_stat_database_tup_updated[$__rate_interval]) ${OURS})`,
        deleted: `sum(rate(pg_stat_database_tup_deleted[$__rate_interval]) ${OURS})`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Database size",
      description:
        "Size, where a straight line through the last six hours ends in three days, and the limit.",
      span: 8,
      unit: "bytes",
      series: {
        "size": `pg_database_size_bytes ${OURS}`,
        "in 3 days": `predict_linear(pg_database_size_bytes[6h], 3 * 86400) ${OURS}` +
          ` and on (instance, datname) count_over_time(pg_database_size_bytes[6h]) >= ${MIN_FORECAST_SAMPLES}`,
        "limit": "max(batch_processor_database_size_limit_bytes)",
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Redis memory",
      description: "Memory in use.",
      span: 8,
      unit: "bytes",
      threshold: "redisMemory",
      series: { used: "sum(redis_memory_used_bytes)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Removed past their time",
      description: "Thoughts and idempotency keys that the workers deleted by the retention settings.",
      span: 8,
      unit: "count",
      series: { "{{kind}}": "sum by (kind) (increase(batch_processor_pruned_total[$__rate_interval]))" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Past their time",
      description: "How long the oldest overdue thought has been past its time.",
      span: 8,
      unit: "seconds",
      series: { oldest: "max(batch_processor_retention_overdue_seconds)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Thoughts forgotten",
      description: "Thoughts deleted at their user's request to be forgotten.",
      span: 8,
      unit: "count",
      series: { thoughts: "sum(increase(thoughts_forgotten_total[$__rate_interval]))" },
      min: 0,
    }))
    .withRow(section("PostgreSQL"))
    .withPanel(graph({
      title: "Rows read",
      description:
        "Rows scanned and rows returned by indexes, per second. Far more scanned than fetched: an index is missing.",
      span: 8,
      unit: "per second",
      series: {
        returned: `sum(rate(pg_stat_database_tup_returned[$__rate_interval]) ${OURS})`,
        fetched: `sum(rate(pg_stat_database_tup_fetched[$__rate_interval]) ${OURS})`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Buffer hits",
      description: "Share of blocks found in memory.",
      span: 8,
      unit: "ratio",
      series: { hits: blockHits("$__rate_interval") },
      min: 0,
      max: 1,
    }))
    .withPanel(graph({
      title: "Longest transaction",
      description: "Age of the oldest open transaction. Long ones block clean-up and hold locks.",
      span: 8,
      unit: "seconds",
      series: { longest: `max(pg_stat_activity_max_tx_duration ${OURS})` },
      min: 0,
    }))
    .withPanel(graph({
      title: "Deadlocks and conflicts",
      description: "Both should be 0.",
      span: 8,
      unit: "per second",
      series: {
        deadlocks: `sum(rate(pg_stat_database_deadlocks[$__rate_interval]) ${OURS})`,
        conflicts: `sum(rate(pg_stat_database_conflicts[$__rate_interval]) ${OURS})`,
      },
      min: 0,
      upTo: 1,
    }))
    .withPanel(graph({
      title: "Temporary files",
      description: "Bytes per second that sorts and joins wrote to disk because memory was too small.",
      span: 8,
      unit: "bytes/s",
      series: { written: `sum(rate(pg_stat_database_temp_bytes[$__rate_interval]) ${OURS})` },
      min: 0,
      upTo: 1_000,
    }))
    .withPanel(graph({
      title: "Dead rows",
      description:
        "Rows that were updated or deleted and not yet cleaned up. A line that only rises: autovacuum is behind.",
      span: 8,
      unit: "count",
      series: { "{{relname}}": `sum by (relname) (pg_stat_user_tables_n_dead_tup ${OURS})` },
      min: 0,
    }))
    .withPanel(graph({
      title: "Sessions waiting for a lock",
      description: "Should be 0. LocksWaiting has the statement that shows who blocks whom.",
      span: 8,
      unit: "count",
      series: { waiting: `sum(pg_stat_activity_count{wait_event_type="Lock"} ${OURS}) or 0 * sum(pg_up)` },
      min: 0,
      upTo: 1,
    }))
    .withPanel(graph({
      title: "Checkpoints",
      description: "Per hour. Timed ones are normal; forced ones mean that the write-ahead log was full.",
      span: 8,
      unit: "count",
      series: {
        timed: "sum(increase(pg_stat_checkpointer_num_timed_total[1h]))",
        forced: "sum(increase(pg_stat_checkpointer_num_requested_total[1h]))",
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Transactions since the last freeze",
      description: "Autovacuum freezes at 200 million. At 2,100 million the server stops writing.",
      span: 8,
      unit: "count",
      threshold: "transactionsUnfrozen",
      series: { "{{datname}}": "max by (datname) (pg_database_wraparound_age_datfrozenxid_seconds)" },
      min: 0,
    }))
    .withRow(section("Redis"))
    .withPanel(graph({
      title: "Key lookups",
      description: "Hits and misses as Redis counts them, per second.",
      span: 6,
      unit: "per second",
      series: {
        hits: "sum(rate(redis_keyspace_hits_total[$__rate_interval]))",
        misses: "sum(rate(redis_keyspace_misses_total[$__rate_interval]))",
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Redis clients",
      description: "Open connections to Redis: one for each worker, one for the exporter.",
      span: 6,
      unit: "count",
      series: { clients: "sum(redis_connected_clients)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Keys",
      description: "Analyses in the cache.",
      span: 6,
      unit: "count",
      series: { keys: "sum(redis_db_keys)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Keys lost",
      description:
        "Evicted for lack of memory, and expired, per second. Evictions at all: the cache is too small.",
      span: 6,
      unit: "per second",
      series: {
        evicted: "sum(rate(redis_evicted_keys_total[$__rate_interval]))",
        expired: "sum(rate(redis_expired_keys_total[$__rate_interval]))",
      },
      min: 0,
      upTo: 1,
    }))
    .withRow(closedSection("Logs", [
      logLines({
        title: "PostgreSQL and Redis logs",
        description: "Both servers' lines, newest first.",
        span: 24,
        logql: LOGS,
      }),
    ]))
    .build();
}

function blockHits(window: string): string {
  const hit = `sum(rate(pg_stat_database_blks_hit[${window}]) ${OURS})`;
  const read = `sum(rate(pg_stat_database_blks_read[${window}]) ${OURS})`;
  return `${hit} / (${hit} + ${read} > 0)`;
}
