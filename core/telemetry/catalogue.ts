/**
 * The catalogue: every metric the API and the worker expose, declared once. Code, dashboards, rules, docs and
 * tests read it from here; nothing else names a metric's type, labels or buckets.
 */

/** Which process exposes a metric. */
export type Service = "api" | "worker" | "webhooks" | "canary";

export interface Declaration {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly on: readonly Service[];
  readonly labels?: readonly string[];
  /**
   * Every value that a label is known to take: each starts at 0, which keeps rates from being absent.
   */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Upper bounds of a histogram's buckets, in the unit its name ends with. */
  readonly buckets?: readonly number[];
}

/** 1 s and 2 s are the limits of the API's latency: between bounds a quantile is only a guess. */
const REQUEST_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10];
/**
 * 30 s and 60 s are the limits of the processing time; the top is an analysis that used up its deadline
 * twice.
 */
const PROCESSING_BUCKETS = [
  0.0005,
  0.001,
  0.005,
  0.01,
  0.05,
  0.1,
  0.5,
  1,
  2.5,
  5,
  10,
  20,
  30,
  45,
  60,
  90,
  120,
];
/** From "at once" to an hour: a backlog or an outage shows up here, not in the processing time. */
const END_TO_END_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600];
/** From a timer's own imprecision to a loop that misses Kafka's heartbeats. */
const LAG_BUCKETS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_BUCKETS = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

export const CATALOGUE = {
  http_requests_total: {
    type: "counter",
    help: "HTTP requests completed. The route is the pattern, never the URL.",
    on: ["api"],
    labels: ["method", "route", "status"],
  },
  http_request_duration_seconds: {
    type: "histogram",
    help: "Time from a request's arrival to its response, in seconds.",
    on: ["api"],
    labels: ["method", "route", "status"],
    buckets: REQUEST_BUCKETS,
  },
  http_requests_inprogress: {
    type: "gauge",
    help: "HTTP requests in progress.",
    on: ["api"],
    labels: ["method", "route"],
  },
  http_accept_failures_total: {
    type: "counter",
    help: "Times the HTTP server could not accept a connection, as without free file descriptors.",
    on: ["api", "worker", "webhooks"],
  },
  api_keys: {
    type: "gauge",
    help: "API keys by state; broken: lines of the key file that cannot be read, 1 when the file cannot be.",
    on: ["api"],
    labels: ["state"],
  },
  thoughts_accepted_total: {
    type: "counter",
    help: "Thoughts stored for processing; a repeated Idempotency-Key does not count.",
    on: ["api"],
  },
  thoughts_insert_batch_size: {
    type: "histogram",
    help: "Thoughts stored by one group-committed insert.",
    on: ["api"],
    buckets: BATCH_BUCKETS,
  },
  alert_notifications_total: {
    type: "counter",
    help: "Alerts received from Alertmanager on the built-in webhook.",
    on: ["api"],
    labels: ["severity", "status"],
  },
  thoughts_forgotten_total: {
    type: "counter",
    help: "Thoughts deleted at their user's request to be forgotten.",
    on: ["api"],
  },
  batch_processor_pruned_total: {
    type: "counter",
    help: "Thoughts and idempotency keys deleted because their retention period was over.",
    on: ["worker"],
    labels: ["kind"],
  },
  batch_processor_retention_overdue_seconds: {
    type: "gauge",
    help:
      "How long the oldest overdue thought has been past its retention period, in seconds; 0 when there is none.",
    on: ["worker"],
  },
  trace_spans_dropped_total: {
    type: "counter",
    help: "Recorded spans that were not exported: the queue was full, or the receiver did not take them.",
    on: ["api", "worker", "webhooks"],
    labels: ["reason"],
  },
  log_lines_dropped_total: {
    type: "counter",
    help: "Log lines dropped because the reader of standard output did not take them.",
    on: ["api", "worker", "webhooks"],
  },
  batch_processor_thoughts_processed_total: {
    type: "counter",
    help: "Thoughts whose result this worker stored.",
    on: ["worker"],
  },
  batch_processor_thoughts_failed_total: {
    type: "counter",
    help: "Thoughts given up after their last attempt and sent to the dead-letter topic.",
    on: ["worker"],
  },
  batch_processor_retries_total: {
    type: "counter",
    help: "Attempts that failed, were charged, and will be retried, by what failed.",
    on: ["worker"],
    labels: ["reason"],
    values: { reason: ["analyser_error", "analyser_timeout", "invalid_result", "unstorable_result"] },
  },
  batch_processor_released_total: {
    type: "counter",
    help:
      "Attempts that ended without being charged: the model was away (unavailable), nothing got through (analyser_timeout), or the worker stopped.",
    on: ["worker"],
    labels: ["reason"],
    values: { reason: ["unavailable", "analyser_timeout", "stopped"] },
  },
  batch_processor_crashes_total: {
    type: "counter",
    help:
      "Claims whose lease ran out because their worker's process ended or hung. Their thoughts are tried alone; after three crashes they fail.",
    on: ["worker"],
  },
  batch_processor_renewal_failures_total: {
    type: "counter",
    help: "Failed statements to renew leases.",
    on: ["worker"],
  },
  batch_processor_messages_refused_total: {
    type: "counter",
    help: "Messages dropped because Kafka will never accept them, such as ones that are too long.",
    on: ["worker"],
  },
  batch_processor_messages_skipped_total: {
    type: "counter",
    help: "Messages that needed no work: malformed, of an unknown thought, or a duplicate.",
    on: ["worker"],
    labels: ["reason"],
    values: { reason: ["malformed", "unknown", "duplicate"] },
  },
  batch_processor_fenced_writes_total: {
    type: "counter",
    help: "Results thrown away because a newer attempt owned the thought.",
    on: ["worker"],
  },
  batch_processor_requeued_total: {
    type: "counter",
    help: "Thoughts the reconciler announced again: claim gone stale, or message lost.",
    on: ["worker"],
    labels: ["reason"],
    values: { reason: ["stale_claim", "lost_message"] },
  },
  batch_processor_dead_letters_total: {
    type: "counter",
    help: "Messages published to the dead-letter topic.",
    on: ["worker"],
  },
  batch_processor_cache_hits_total: {
    type: "counter",
    help: "Thoughts whose analysis was known: in the cache, or just made for the same text.",
    on: ["worker"],
  },
  batch_processor_cache_found_total: {
    type: "counter",
    help:
      "Analyses found in the cache: of exactly the same text (exact), or of one that differs only in case, spaces or closing punctuation (alike).",
    on: ["worker"],
    labels: ["kind"],
    values: { kind: ["exact", "alike"] },
  },
  batch_processor_cache_misses_total: {
    type: "counter",
    help:
      "Thoughts whose analysis had to be made because it was not in the cache, or the cache did not respond.",
    on: ["worker"],
  },
  batch_processor_processing_duration_seconds: {
    type: "histogram",
    help: "Time from a thought's claim to its stored result, in seconds.",
    on: ["worker"],
    buckets: PROCESSING_BUCKETS,
  },
  batch_processor_end_to_end_seconds: {
    type: "histogram",
    help: "Time from a thought's acceptance to its stored result, in seconds.",
    on: ["worker"],
    labels: ["priority"],
    values: { priority: ["interactive", "batch"] },
    buckets: END_TO_END_BUCKETS,
  },
  batch_processor_batch_size: {
    type: "histogram",
    help: "Messages taken from the queue together.",
    on: ["worker"],
    buckets: BATCH_BUCKETS,
  },
  batch_processor_active_workers: {
    type: "gauge",
    help: "1 while this worker is a live member of the consumer group, else 0.",
    on: ["worker"],
  },
  batch_processor_database_info: {
    type: "gauge",
    help: "1, with the database's name, as DATABASE_URL has it; absent with an embedded store.",
    on: ["worker"],
    labels: ["datname"],
  },
  batch_processor_database_size_limit_bytes: {
    type: "gauge",
    help:
      "What the database may hold (DATABASE_SIZE_LIMIT_MB); absent without a limit. Every worker reports the same, so take max().",
    on: ["worker"],
  },
  batch_processor_expected_workers: {
    type: "gauge",
    help: "Workers that should be running (EXPECTED_WORKERS); every worker reports the same, so take max().",
    on: ["worker"],
  },
  batch_processor_vanished_workers: {
    type: "gauge",
    help: "Workers that stopped reporting without a shutdown within the last hour. Take max().",
    on: ["worker"],
  },
  batch_processor_queue_size: {
    type: "gauge",
    help:
      "Thoughts that are not finished, wherever they are: in the outbox, in Kafka or claimed. Up to a minute old while more than 100,000 wait. Absent while the store cannot be read. Every worker reports the same, so take max().",
    on: ["worker"],
  },
  batch_processor_waiting_thoughts: {
    type: "gauge",
    help: "The thoughts of batch_processor_queue_size, by priority. Take max().",
    on: ["worker"],
    labels: ["priority"],
  },
  batch_processor_oldest_waiting_seconds: {
    type: "gauge",
    help:
      "Age of the oldest thought that is not finished, in seconds, by priority; 0 when none is. Absent while the store cannot be read. Take max().",
    on: ["worker"],
    labels: ["priority"],
  },
  batch_processor_drain_seconds: {
    type: "gauge",
    help:
      "Seconds until the backlog is processed, at the rate of all workers in the last minute; absent while nothing is processed. Take max().",
    on: ["worker"],
  },
  batch_processor_lanes: {
    type: "gauge",
    help: "Thoughts that this worker may have in analysis at once.",
    on: ["worker"],
  },
  batch_processor_lanes_busy: {
    type: "gauge",
    help: "Thoughts that this worker has in analysis now.",
    on: ["worker"],
  },
  batch_processor_outbox_size: {
    type: "gauge",
    help:
      "Thoughts in the outbox: their turn has not come, or their delay is not over. Kafka holds about half a second of work; the rest of a backlog is here. Take max().",
    on: ["worker"],
  },
  batch_processor_outbox_age_seconds: {
    type: "gauge",
    help:
      "How long this worker has been unable to send what is due in the outbox, in seconds; 0 while it can. A backlog that waits for its turn does not count. Take max().",
    on: ["worker"],
  },
  batch_processor_tokens_total: {
    type: "counter",
    help: "Tokens used by language models.",
    on: ["worker"],
    labels: ["provider", "model", "direction"],
  },
  batch_processor_cost_usd_total: {
    type: "counter",
    help: "Cost of language models in USD, from the price table.",
    on: ["worker"],
    labels: ["provider", "model"],
  },
  batch_processor_canary_thoughts_total: {
    type: "counter",
    help: "The canary's thoughts that this worker ended; no other metric of thoughts counts them.",
    on: ["worker"],
    labels: ["outcome"],
    values: { outcome: ["completed", "failed"] },
  },
  batch_processor_cost_saved_usd_total: {
    type: "counter",
    help: "USD that cached analyses would have cost again.",
    on: ["worker"],
    labels: ["provider", "model"],
  },
  batch_processor_gate_closed: {
    type: "gauge",
    help:
      "1 while no analysis may begin, for this reason: the model is unavailable (outage), throttles (rate), has no quota left (quota), refuses the key (credentials), the day's budget is spent (budget), or an operator has paused the workers (paused). Every worker reports the same, so take max().",
    on: ["worker"],
    labels: ["reason"],
  },
  batch_processor_gate_closed_timestamp_seconds: {
    type: "gauge",
    help: "When the gate closed, in seconds since the epoch; 0 while it is open. Take max().",
    on: ["worker"],
  },
  batch_processor_gate_lanes: {
    type: "gauge",
    help:
      "Analyses that this worker may have in progress at once: ANALYSER_CONCURRENCY, or fewer for a while after a 429.",
    on: ["worker"],
  },
  batch_processor_analyses_total: {
    type: "counter",
    help:
      "Analyses by a language model, by how they ended: ok, refused, invalid, timeout, or unavailable (outage, rate, quota, credentials).",
    on: ["worker"],
    labels: ["outcome"],
  },
  batch_processor_model_requests_total: {
    type: "counter",
    help:
      "Requests sent to language models; an analysis takes more than one when its result has to be repaired.",
    on: ["worker"],
    labels: ["provider", "model"],
  },
  batch_processor_model_limit: {
    type: "gauge",
    help:
      "Limits over all workers: requests_minute, tokens_minute, usd_day (ANALYSER_REQUESTS_PER_MINUTE and so on); 0 is none. Take max().",
    on: ["worker"],
    labels: ["per"],
  },
  batch_processor_model_spent_today_usd: {
    type: "gauge",
    help:
      "Spent on language models since midnight UTC by all workers, in USD, as the store knows it. Take max().",
    on: ["worker"],
  },
  app_build_info: {
    type: "gauge",
    help: "1, with the running version as labels.",
    on: ["api", "worker", "webhooks", "canary"],
    labels: ["service", "version", "deno"],
  },
  app_dependency_up: {
    type: "gauge",
    help: "1 while this process reaches what it depends on, else 0; checked at each probe and scrape.",
    on: ["api", "worker", "webhooks"],
    labels: ["dependency"],
  },
  app_event_loop_lag_seconds: {
    type: "histogram",
    help: "How long ready work waited for the event loop, in seconds.",
    on: ["api", "worker", "webhooks"],
    buckets: LAG_BUCKETS,
  },
  app_resident_memory_bytes: {
    type: "gauge",
    help: "Resident memory of this process as Deno reports it, in bytes.",
    on: ["api", "worker", "webhooks", "canary"],
  },
  webhook_attempts_total: {
    type: "counter",
    help:
      "Attempts to deliver an event, by outcome: accepted; rejected by the receiver's status; failed without a response; refused, since the name leads into a private network.",
    on: ["webhooks"],
    labels: ["outcome"],
    values: { outcome: ["accepted", "rejected", "failed", "refused"] },
  },
  webhook_given_up_total: {
    type: "counter",
    help: "Events given up: their receiver did not accept them in time.",
    on: ["webhooks"],
  },
  webhook_delay_seconds: {
    type: "histogram",
    help: "Time from a thought's end until the receiver has accepted the event, in seconds.",
    on: ["webhooks"],
    buckets: END_TO_END_BUCKETS,
  },
  webhook_pending: {
    type: "gauge",
    help: "Events that wait in the store for their delivery or for another attempt. Take max().",
    on: ["webhooks"],
  },
  webhook_oldest_pending_seconds: {
    type: "gauge",
    help: "Since when the oldest of them waits, in seconds; 0 when none does. Take max().",
    on: ["webhooks"],
  },
  webhook_overdue_seconds: {
    type: "gauge",
    help:
      "How long the event that is due longest has waited for its turn, in seconds, without those of paused hosts.",
    on: ["webhooks"],
  },
  webhook_hosts_paused: {
    type: "gauge",
    help: "Receiving hosts that get one request at a time, with pauses, since they did not respond.",
    on: ["webhooks"],
  },
  canary_success: {
    type: "gauge",
    help:
      "1 when the canary's last thought came through every part, or waits for a model that is unavailable; else 0. Absent before its first run.",
    on: ["canary"],
  },
  canary_step_seconds: {
    type: "gauge",
    help:
      "Seconds that the steps of the canary's last run took: accepted, completed, traced, logged. Absent for a step that was not finished.",
    on: ["canary"],
    labels: ["step"],
  },
  canary_runs_total: {
    type: "counter",
    help: "The canary's runs, by how they ended: ok, failed, model_away, or skipped to save a paid analysis.",
    on: ["canary"],
    labels: ["outcome"],
    values: { outcome: ["ok", "failed", "model_away", "skipped"] },
  },
} as const satisfies Record<string, Declaration>;

export type MetricName = keyof typeof CATALOGUE;
