/** Kafka & Batch Processing: are thoughts processed, and is anything piling up? */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { GROUP, THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { closedSection, COLOURS, dashboard, section, variable } from "./theme.ts";
import { dial, graph, logLines, number, recentTraces } from "./panels.ts";

const JOB = 'job="kafka-worker"';
/** With `DEPLOYMENT` the names have a prefix; the exporter shows those of this deployment alone. */
const OUR_GROUP = `consumergroup=~"(.+\\\\.)?${GROUP}"`;
const GROUP_LAG = `${OUR_GROUP}, topic=~"(.+\\\\.)?${THOUGHTS_TOPIC}"`;
const LOGS = '{service="kafka-worker"}';
const PICKED = 'instance=~"$instance"';

export function kafkaDashboard(): Dashboard {
  return dashboard(
    "tp-kafka",
    "Workers, the queue between API and workers, and the outcome of thoughts.",
    LOGS,
  )
    .withVariable(variable("instance", "Worker", `batch_processor_active_workers{${JOB}}`))
    .withPanel(number({
      title: "Active workers",
      description: "Workers that are live members of the consumer group. With none, thoughts only wait.",
      span: 4,
      unit: "count",
      threshold: "activeWorkers",
      expr: "worker:active_workers:sum",
    }))
    .withPanel(number({
      title: "Messages behind",
      description:
        "Messages in Kafka that the workers have not taken, and those in the outbox whose turn has not come.",
      span: 4,
      unit: "count",
      threshold: "consumerLag",
      expr: "worker:messages_behind:sum",
      noValue: "Unknown",
    }))
    .withPanel(number({
      title: "Oldest waiting",
      description:
        "Age of the oldest thought that is not finished, without those that were posted to wait (`batch`); 0 when none waits. The best single sign of trouble.",
      span: 4,
      unit: "seconds",
      threshold: "oldestWaiting",
      expr: 'max(batch_processor_oldest_waiting_seconds{priority!="batch"})',
      noValue: "No worker",
    }))
    .withPanel(number({
      title: "Processing p95",
      description: "19 of 20 thoughts were done this soon after being claimed, over 5 minutes.",
      span: 4,
      unit: "seconds",
      threshold: "processingP95",
      expr: "worker:processing_duration_seconds:p95_5m",
      noValue: "No traffic",
    }))
    .withPanel(dial({
      title: "Cache hits",
      description:
        "Share of analyses found in the cache over 15 minutes. A low share costs time and money, and is not a fault.",
      span: 4,
      unit: "ratio",
      threshold: "cacheHitRatio",
      expr: "worker:cache_hit_ratio:rate15m",
      min: 0,
      max: 1,
      noValue: "No lookups",
    }))
    .withPanel(number({
      title: "Dead letters",
      description: "Messages dead-lettered in the last 15 minutes. `deno task redrive` puts them back.",
      span: 4,
      unit: "count",
      threshold: "deadLetters",
      expr: "sum(increase(batch_processor_dead_letters_total[15m])) or vector(0)",
      decimals: 0,
    }))
    .withPanel(graph({
      title: "Processed and failed",
      description: "Thoughts per second that ended completed, and that ended failed.",
      span: 12,
      unit: "per second",
      series: {
        processed: `sum(rate(batch_processor_thoughts_processed_total{${PICKED}}[$__rate_interval]))`,
        failed: `sum(rate(batch_processor_thoughts_failed_total{${PICKED}}[$__rate_interval]))`,
      },
      min: 0,
      logql: LOGS,
    }))
    .withPanel(graph({
      title: "Consumer lag by partition",
      description:
        "If one partition falls behind alone, its worker is slow. A partition without a commit has no line.",
      span: 12,
      unit: "count",
      threshold: "consumerLag",
      min: 0,
      upTo: 10,
      series: {
        "partition {{partition}}": `sum by (partition) (kafka_consumergroup_lag{${GROUP_LAG}} >= 0)`,
      },
    }))
    .withPanel(graph({
      title: "Processing time",
      description:
        "From a thought's claim to its stored result. A dot is one thought: click it to see its trace.",
      span: 12,
      unit: "seconds",
      threshold: "processingP95",
      exemplars: true,
      series: { p99: processing(0.99), p95: processing(0.95), p50: processing(0.5) },
      min: 0,
    }))
    .withPanel(graph({
      title: "End to end",
      description: "From a thought's acceptance to its stored result: what a user waits, queueing included.",
      span: 12,
      unit: "seconds",
      exemplars: true,
      series: { p95: endToEnd(0.95), p50: endToEnd(0.5) },
      min: 0,
    }))
    .withRow(section("Is the model healthy?"))
    .withPanel(number({
      title: "The model",
      description:
        "Whether analyses may begin, and if not, why: the model is unavailable (outage), throttles (rate), has no quota left (quota), refuses the key (credentials), the day's budget is spent, or an operator has paused the workers.",
      span: 4,
      unit: "count",
      words: ["open", "closed"],
      threshold: "gateClosed",
      expr:
        'max by (reason) (batch_processor_gate_closed) > 0 or label_replace(0 * max(batch_processor_gate_closed), "reason", "analyses may begin", "", "")',
      legend: "{{reason}}",
    }))
    .withPanel(number({
      title: "Closed for",
      description: "How long no analysis has been allowed to begin.",
      span: 4,
      unit: "seconds",
      expr:
        "(time() - max(batch_processor_gate_closed_timestamp_seconds > 0)) or 0 * max(batch_processor_gate_closed_timestamp_seconds)",
    }))
    .withPanel(number({
      title: "Share of the day's budget spent",
      description: "Since midnight UTC, of ANALYSER_USD_PER_DAY. When it is spent, thoughts wait.",
      span: 4,
      unit: "ratio",
      threshold: "budgetSpent",
      expr:
        'max(batch_processor_model_spent_today_usd) / (max(batch_processor_model_limit{per="usd_day"}) > 0) or vector(0)',
    }))
    .withPanel(number({
      title: "Requests of the limit",
      description: "Requests of the last minute, of ANALYSER_REQUESTS_PER_MINUTE.",
      span: 4,
      unit: "ratio",
      expr:
        '60 * sum(rate(batch_processor_model_requests_total[1m])) / (max(batch_processor_model_limit{per="requests_minute"}) > 0) or vector(0)',
    }))
    .withPanel(number({
      title: "Tokens of the limit",
      description: "Tokens of the last minute, of ANALYSER_TOKENS_PER_MINUTE.",
      span: 4,
      unit: "ratio",
      expr:
        '60 * sum(rate(batch_processor_tokens_total[1m])) / (max(batch_processor_model_limit{per="tokens_minute"}) > 0) or vector(0)',
    }))
    .withPanel(number({
      title: "Unusable responses",
      description: "Refused, against the schema, or too late: share of the analyses of 15 minutes.",
      span: 4,
      unit: "ratio",
      threshold: "modelBadRatio",
      expr: "worker:model_bad_ratio:rate15m or vector(0)",
    }))
    .withPanel(graph({
      title: "Analyses by outcome",
      description: "How analyses by the model ended, per second. Nothing while the analyser is local.",
      span: 12,
      unit: "per second",
      stacked: true,
      series: {
        "{{outcome}}":
          `sum by (outcome) (rate(batch_processor_analyses_total{${PICKED}}[$__rate_interval]))` +
          ' or label_replace(vector(0), "outcome", "no model used", "", "")',
      },
      paint: {
        "/^ok/": COLOURS.green,
        "/^(outage|rate|quota|credentials)/": COLOURS.vermillion,
        "/^(refused|invalid|timeout)/": COLOURS.orange,
      },
      min: 0,
      upTo: 1,
    }))
    .withPanel(graph({
      title: "Lanes allowed",
      description: "Analyses that may be in progress at once, by worker. Halved by a 429, then growing back.",
      span: 12,
      unit: "count",
      series: { "{{instance}}": `batch_processor_gate_lanes{${PICKED}}` },
      min: 0,
    }))
    .withRow(section("Kafka"))
    .withPanel(graph({
      title: "Throughput by topic and partition",
      description: "Messages per second written to each partition.",
      span: 12,
      unit: "per second",
      series: {
        "{{topic}}/{{partition}}":
          'sum by (topic, partition) (rate(kafka_topic_partition_current_offset{topic=~"(.+\\\\.)?thoughts.*"}[$__rate_interval]))',
      },
      min: 0,
    }))
    .withPanel(number({
      title: "Partitions",
      description: "Partitions of each topic. More workers than partitions of thoughts leave some idle.",
      span: 4,
      height: 8,
      unit: "count",
      expr: 'sum by (topic) (kafka_topic_partitions{topic=~"(.+\\\\.)?thoughts.*"})',
      legend: "{{topic}}",
    }))
    .withPanel(graph({
      title: "Workers expected and seen",
      description: "Expected by the deployment, reporting themselves active, and known to Kafka as members.",
      span: 8,
      unit: "count",
      series: {
        expected: "max(batch_processor_expected_workers)",
        active: "worker:active_workers:sum",
        members: `sum(kafka_consumergroup_members{${OUR_GROUP}})`,
      },
      min: 0,
    }))
    .withRow(section("Lanes, batches and outbox"))
    .withPanel(graph({
      title: "Lanes",
      description: "Thoughts in analysis now, and how many there may be at once.",
      span: 6,
      unit: "count",
      series: {
        busy: `sum(batch_processor_lanes_busy{${PICKED}})`,
        all: `sum(batch_processor_lanes{${PICKED}})`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Waiting by priority",
      description: "Thoughts that are not finished, by the priority they were posted with.",
      span: 6,
      unit: "count",
      series: { "{{priority}}": "max by (priority) (batch_processor_waiting_thoughts)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Time to drain",
      description:
        "Seconds until the backlog is processed, at the rate of all workers in the last minute; absent while nothing is processed.",
      span: 6,
      unit: "seconds",
      series: { "to drain": "max(batch_processor_drain_seconds)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Uncharged",
      description:
        "Attempts that were not charged: the model was unavailable, the worker stopped, or its process ended (crashes).",
      span: 6,
      unit: "per second",
      series: {
        "released: {{reason}}":
          `sum by (reason) (rate(batch_processor_released_total{${PICKED}}[$__rate_interval]))`,
        "crashes": `sum(rate(batch_processor_crashes_total{${PICKED}}[$__rate_interval]))`,
        "renewals failed": `sum(rate(batch_processor_renewal_failures_total{${PICKED}}[$__rate_interval]))`,
        "messages refused": `sum(rate(batch_processor_messages_refused_total{${PICKED}}[$__rate_interval]))`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Batch size",
      description: "Messages taken together. It grows with the load.",
      span: 6,
      unit: "count",
      series: {
        p95:
          `histogram_quantile(0.95, sum by (le) (rate(batch_processor_batch_size_bucket{${PICKED}}[$__rate_interval])))`,
        p50:
          `histogram_quantile(0.5, sum by (le) (rate(batch_processor_batch_size_bucket{${PICKED}}[$__rate_interval])))`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Waiting",
      description:
        "Thoughts that are not finished, and those of them whose turn has not come or whose delay is not over. Kafka holds half a second of work.",
      span: 6,
      unit: "count",
      threshold: "unfinishedThoughts",
      series: { thoughts: "max(batch_processor_queue_size)", outbox: "max(batch_processor_outbox_size)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Outbox blocked",
      description: "How long the relay has been unable to send what is due. It rises while Kafka is down.",
      span: 6,
      unit: "seconds",
      threshold: "outboxAge",
      series: { oldest: "max(batch_processor_outbox_age_seconds)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Not straight through",
      description:
        "Retries, messages that needed no work, thoughts queued again, and late results discarded.",
      span: 6,
      unit: "per second",
      series: {
        "retry: {{reason}}":
          `sum by (reason) (rate(batch_processor_retries_total{${PICKED}}[$__rate_interval]))`,
        "skipped: {{reason}}":
          `sum by (reason) (rate(batch_processor_messages_skipped_total{${PICKED}}[$__rate_interval]))`,
        "requeued: {{reason}}":
          `sum by (reason) (rate(batch_processor_requeued_total{${PICKED}}[$__rate_interval]))`,
        "fenced": `sum(rate(batch_processor_fenced_writes_total{${PICKED}}[$__rate_interval]))`,
      },
      min: 0,
    }))
    .withRow(section("Process"))
    .withPanel(graph({
      title: "Memory",
      description: "Resident memory of each worker.",
      span: 8,
      unit: "bytes",
      threshold: "workerMemory",
      series: { "{{instance}}": `app_resident_memory_bytes{${JOB}, ${PICKED}}` },
      min: 0,
    }))
    .withPanel(graph({
      title: "CPU",
      description: "Cores in use by each worker.",
      span: 8,
      unit: "cores",
      series: { "{{instance}}": `rate(process_cpu_seconds_total{${JOB}, ${PICKED}}[$__rate_interval])` },
      min: 0,
    }))
    .withPanel(graph({
      title: "Event loop lag p99",
      description: "How long ready work had to wait. A blocked loop misses Kafka's heartbeats.",
      span: 8,
      unit: "seconds",
      threshold: "eventLoopLag",
      series: {
        "{{instance}}":
          `histogram_quantile(0.99, sum by (le, instance) (rate(app_event_loop_lag_seconds_bucket{${JOB}, ${PICKED}}[$__rate_interval])))`,
      },
      min: 0,
    }))
    .withRow(closedSection("Logs and traces", [
      logLines({
        title: "Worker logs",
        description: "The workers' lines, newest first. Open one for its trace.",
        span: 12,
        height: 12,
        logql: LOGS,
      }),
      recentTraces({
        title: "Recent traces",
        description: "Traces that reached a worker.",
        span: 12,
        height: 12,
        traceql: '{ resource.service.name = "kafka-worker" && kind = consumer }',
      }),
    ]))
    .build();
}

function processing(q: number): string {
  return `histogram_quantile(${q}, sum by (le) (rate(batch_processor_processing_duration_seconds_bucket{${PICKED}}[$__rate_interval])))`;
}

function endToEnd(q: number): string {
  return `histogram_quantile(${q}, sum by (le) (rate(batch_processor_end_to_end_seconds_bucket{${PICKED}}[$__rate_interval])))`;
}
