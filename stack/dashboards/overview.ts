/** Overview, Grafana's home: is it healthy, if not since when, and where to look. */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { OBJECTIVES } from "../../core/telemetry/thresholds.ts";
import { bars, durations, firingAlerts, graph, number } from "./panels.ts";
import { closedSection, COLOURS, dashboard, section, STATUSES, upFrom } from "./theme.ts";

const LOGS = '{service=~"thoughtprocessor-api|kafka-worker"}';
const DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs"';

/** Whether our processes reach a dependency; without any process, what its exporter reports. */
const reached = (dependency: string, exporter: string) =>
  `max(app:dependency_up:max{dependency="${dependency}"}) or min(${exporter}) or vector(0)`;

export function overviewDashboard(): Dashboard {
  return dashboard("tp-overview", "Is it healthy, if not since when, and where to look.", LOGS)
    .withPanel(number({
      title: "API",
      description: "Instances of the API that Prometheus can scrape.",
      span: 3,
      unit: "count",
      expr: 'sum(up{job="thoughtprocessor-api"}) or vector(0)',
      colours: upFrom(1),
      board: "tp-api",
    }))
    .withPanel(number({
      title: "Workers",
      description: "Live members of the consumer group, as a share of the expected workers.",
      span: 3,
      unit: "ratio",
      expr: "worker:active_workers:sum / max(batch_processor_expected_workers) or vector(0)",
      colours: upFrom(1),
      board: "tp-kafka",
    }))
    .withPanel(number({
      title: "PostgreSQL",
      description: "Whether any process reaches it. Without it the API refuses thoughts.",
      span: 3,
      unit: "count",
      words: ["down", "up"],
      expr: reached("database", "pg_up"),
      colours: upFrom(1),
      board: "tp-database",
    }))
    .withPanel(number({
      title: "Kafka",
      description: "Whether any worker reaches it. Without it thoughts are accepted and wait.",
      span: 3,
      unit: "count",
      words: ["down", "up"],
      expr: reached("queue", 'up{job="kafka"}'),
      colours: upFrom(1),
      board: "tp-kafka",
    }))
    .withPanel(number({
      title: "Redis",
      description: "Whether any worker reaches it. Without it every lookup is a miss.",
      span: 3,
      unit: "count",
      words: ["down", "up"],
      expr: reached("cache", "redis_up"),
      colours: upFrom(1),
      board: "tp-database",
    }))
    .withPanel(number({
      title: "Model",
      description:
        "Whether analyses may begin: the model is up, within its limits, and not paused by an operator.",
      span: 3,
      unit: "count",
      words: ["open", "closed"],
      threshold: "gateClosed",
      expr: "max(batch_processor_gate_closed)",
      noValue: "No worker",
      board: "tp-kafka",
    }))
    .withPanel(number({
      title: "Smallest budget",
      description: "What is left of the error budget that is used up most. Below 0 its objective is missed.",
      span: 3,
      unit: "ratio",
      colours: upFrom(0),
      expr: "bottomk(1, slo:error_budget_left:30d)",
      legend: "{{slo}}",
      noValue: "Too early",
      board: "tp-slo",
    }))
    .withPanel(number({
      title: "Alerting works",
      description: "Whether the Watchdog, which always fires, is known to Alertmanager.",
      span: 3,
      unit: "count",
      words: ["no", "yes"],
      colours: upFrom(1),
      expr: 'sum(alertmanager_alerts{state="active"}) > bool 0 or vector(0)',
      board: "tp-slo",
    }))
    .withPanel(firingAlerts({
      title: "Firing alerts",
      description: "What fires now and since when, the most important first. Each links to its runbook.",
      span: 12,
    }))
    .withPanel(bars({
      title: "Error budget left",
      description: Object.values(OBJECTIVES).map((o) => `- ${o.title}, ${o.target * 100} %: ${o.good}`).join(
        "\n",
      ),
      span: 12,
      height: 8,
      unit: "ratio",
      colours: upFrom(0),
      expr: "slo:error_budget_left:30d",
      legend: "{{slo}}",
      min: -1,
      max: 1,
    }))
    .withPanel(graph({
      title: "Requests by status",
      description: "Requests for thoughts per second. 4xx are the caller's mistakes, 5xx ours.",
      span: 8,
      unit: "requests/s",
      stacked: true,
      series: {
        "{{status}}":
          'sum by (status) (rate(http_requests_total{route=~"/thoughts.*"}[$__rate_interval])) > 0',
      },
      paint: STATUSES,
      min: 0,
    }))
    .withPanel(graph({
      title: "Latency",
      description: "Of requests for thoughts, without event streams.",
      span: 8,
      unit: "seconds",
      threshold: "apiP95",
      series: { p95: "api:http_request_duration_seconds:p95_5m" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Accepted and finished",
      description: "Thoughts per second. Finished below accepted for long: thoughts pile up.",
      span: 8,
      unit: "per second",
      series: {
        accepted: "sum(rate(thoughts_accepted_total[$__rate_interval]))",
        completed: "sum(rate(batch_processor_thoughts_processed_total[$__rate_interval]))",
        failed: "sum(rate(batch_processor_thoughts_failed_total[$__rate_interval]))",
      },
      paint: { accepted: COLOURS.sky, completed: COLOURS.green, failed: COLOURS.vermillion },
      min: 0,
    }))
    .withPanel(graph({
      title: "Oldest waiting",
      description:
        "Age of the oldest thought that is not finished, without those that were posted to wait (`batch`). The best single sign of trouble.",
      span: 8,
      unit: "seconds",
      threshold: "oldestWaiting",
      series: { oldest: 'max(batch_processor_oldest_waiting_seconds{priority!="batch"})' },
      min: 0,
      upTo: 60,
    }))
    .withPanel(graph({
      title: "From POST to completed",
      description: "How long users wait, over 5 minutes: 95 % should be below 60 s.",
      span: 8,
      unit: "seconds",
      series: {
        p95:
          'histogram_quantile(0.95, sum by (le) (rate(batch_processor_end_to_end_seconds_bucket{priority!="batch"}[5m])))',
        p50:
          'histogram_quantile(0.5, sum by (le) (rate(batch_processor_end_to_end_seconds_bucket{priority!="batch"}[5m])))',
      },
      min: 0,
    }))
    .withPanel(durations({
      title: "How long they wait",
      description:
        "Thoughts by the time from POST to completed. Two bands: some wait for something that others do not.",
      span: 8,
      expr: "sum by (le) (rate(batch_processor_end_to_end_seconds_bucket[$__rate_interval]))",
    }))
    .withRow(section("Host"))
    .withPanel(graph({
      title: "CPU busy",
      description: "Share of all cores. Utilisation.",
      span: 5,
      unit: "ratio",
      series: { busy: '1 - avg(rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))' },
      min: 0,
      max: 1,
    }))
    .withPanel(graph({
      title: "Saturation",
      description:
        "Programs ready to run per core, and the share of time in which the busiest disk works. Above 1: they wait.",
      span: 5,
      unit: "count",
      series: {
        "load per core": 'sum(node_load1) / count(node_cpu_seconds_total{mode="idle"})',
        "busiest disk": "max(rate(node_disk_io_time_seconds_total[$__rate_interval]))",
      },
      min: 0,
      upTo: 1,
    }))
    .withPanel(graph({
      title: "Memory available",
      description: "Memory that programs could still use.",
      span: 5,
      unit: "ratio",
      series: { available: "sum(node_memory_MemAvailable_bytes) / sum(node_memory_MemTotal_bytes)" },
      min: 0,
      max: 1,
    }))
    .withPanel(graph({
      title: "Memory short",
      description:
        "Pages swapped per second, and programs that the kernel killed for their memory in the last hour. Saturation, and its errors.",
      span: 4,
      unit: "count",
      series: {
        "swapped":
          "sum(rate(node_vmstat_pswpin[$__rate_interval])) + sum(rate(node_vmstat_pswpout[$__rate_interval]))",
        "killed": "sum(increase(node_vmstat_oom_kill[1h]))",
      },
      min: 0,
      upTo: 1,
    }))
    .withPanel(graph({
      title: "Free disk space",
      description: "Share of each disk that is free, in bytes and in inodes: either can run out.",
      span: 5,
      unit: "ratio",
      threshold: "diskFree",
      series: {
        "{{device}}":
          `min by (device) (node_filesystem_avail_bytes{${DISKS}} / node_filesystem_size_bytes{${DISKS}})`,
        "{{device}} inodes":
          `min by (device) (node_filesystem_files_free{${DISKS}} / (node_filesystem_files{${DISKS}} > 0))`,
      },
      min: 0,
      max: 1,
    }))
    .withRow(closedSection("Processes", [
      graph({
        title: "CPU by process",
        description: "Cores in use. JavaScript runs on one: near 1 it is full.",
        span: 8,
        unit: "cores",
        series: {
          "{{job}} {{instance}}":
            'rate(process_cpu_seconds_total{job=~"thoughtprocessor-api|kafka-worker"}[$__rate_interval])',
        },
        min: 0,
      }),
      graph({
        title: "Memory by process",
        description: "Resident memory.",
        span: 8,
        unit: "bytes",
        series: { "{{job}} {{instance}}": "app_resident_memory_bytes" },
        min: 0,
      }),
      graph({
        title: "Event loop lag p99 by process",
        description: "How long ready work had to wait.",
        span: 8,
        unit: "seconds",
        threshold: "eventLoopLag",
        series: { "{{job}} {{instance}}": "app:event_loop_lag_seconds:p99_5m" },
        min: 0,
      }),
    ]))
    .build();
}
