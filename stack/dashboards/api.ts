/** API Metrics: are requests served, correctly and fast? */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { closedSection, dashboard, section, STATUSES, upFrom, variable } from "./theme.ts";
import {
  alertCount,
  dial,
  durations,
  graph,
  labelTable,
  logLines,
  number,
  recentTraces,
  serviceMap,
} from "./panels.ts";

const JOB = 'job="thoughtprocessor-api"';
/** The variables' choice. */
const PICKED = 'instance=~"$instance", route=~"$route"';
const LOGS = '{service="thoughtprocessor-api"}';

export function apiDashboard(): Dashboard {
  return dashboard(
    "tp-api",
    "Requests, errors, latency and resources of the API, with its logs and traces.",
    LOGS,
  )
    .withVariable(variable("instance", "Instance", `http_requests_total{${JOB}}`))
    // Probes, scrapes and event streams would drown users' requests.
    .withVariable(variable("route", "Route", `http_requests_total{${JOB}}`, ["/thoughts", "/thoughts/:id"]))
    .withPanel(number({
      title: "API",
      description: "Instances of the API that Prometheus can scrape. 0: nothing is accepted; see TargetDown.",
      span: 4,
      unit: "count",
      expr: `sum(up{${JOB}}) or vector(0)`,
      colours: upFrom(1),
    }))
    .withPanel(dial({
      title: "Error rate",
      description:
        "Share of requests under /thoughts that return a 5xx, over 5 minutes. Health probes don't count.",
      span: 4,
      unit: "ratio",
      threshold: "apiErrorRatio",
      expr: "api:http_error_ratio:rate5m",
      min: 0,
      max: 0.1,
      noValue: "No requests yet",
    }))
    .withPanel(number({
      title: "Latency p95",
      description: "19 of 20 requests were faster than this, over 5 minutes. Event streams don't count.",
      span: 4,
      unit: "seconds",
      threshold: "apiP95",
      expr: "api:http_request_duration_seconds:p95_5m",
      noValue: "No traffic",
    }))
    .withPanel(number({
      title: "Requests",
      description: "Requests per second under /thoughts, over 5 minutes.",
      span: 4,
      unit: "requests/s",
      expr: "api:http_requests:rate5m",
      decimals: 2,
      noValue: "No requests yet",
    }))
    .withPanel(number({
      title: "Accepted in 1 h",
      description: "Thoughts stored in the last hour.",
      span: 4,
      unit: "whole",
      expr: "sum(increase(thoughts_accepted_total[1h]))",
      decimals: 0,
    }))
    .withPanel(
      alertCount({
        title: "Alerts firing",
        description: "Warnings and critical alerts of every part. Overview lists them.",
        span: 4,
      }),
    )
    .withPanel(graph({
      title: "Request rate by endpoint",
      description: "Requests per second by method and route pattern.",
      span: 12,
      unit: "requests/s",
      series: {
        "{{method}} {{route}}":
          `sum by (method, route) (rate(http_requests_total{${PICKED}}[$__rate_interval]))`,
      },
      min: 0,
      logql: LOGS,
    }))
    .withPanel(graph({
      title: "Latency",
      description: "Quantiles over the picked routes. A dot is one request: click it to see its trace.",
      span: 12,
      unit: "seconds",
      threshold: "apiP95",
      exemplars: true,
      series: { p99: quantile(0.99), p95: quantile(0.95), p50: quantile(0.5) },
      min: 0,
    }))
    .withPanel(durations({
      title: "Durations",
      description:
        "How many requests of the picked routes took how long. Two bands: two kinds of request, or a dependency that is slow at times.",
      span: 12,
      expr: `sum by (le) (rate(http_request_duration_seconds_bucket{${PICKED}}[$__rate_interval]))`,
    }))
    .withPanel(graph({
      title: "Status codes",
      description: "Requests per second by status. 4xx are the caller's mistakes, 5xx ours.",
      span: 12,
      unit: "requests/s",
      stacked: true,
      series: {
        "{{status}}": `sum by (status) (rate(http_requests_total{${PICKED}}[$__rate_interval])) > 0`,
      },
      paint: STATUSES,
      min: 0,
    }))
    .withPanel(graph({
      title: "Error ratio",
      description: "Share of 5xx over 5 minutes, with the limits at which ApiErrorsHigh fires.",
      span: 12,
      unit: "ratio",
      threshold: "apiErrorRatio",
      series: { "5xx": "api:http_error_ratio:rate5m" },
      upTo: 0.06,
      min: 0,
      logql: `${LOGS} |= "ERROR"`,
    }))
    .withRow(section("Endpoints and intake"))
    .withPanel(graph({
      title: "Latency p95 by endpoint",
      description: "Which route is slow. Event streams count until their first byte.",
      span: 12,
      unit: "seconds",
      threshold: "apiP95",
      series: {
        "{{method}} {{route}}":
          `histogram_quantile(0.95, sum by (le, method, route) (rate(http_request_duration_seconds_bucket{${PICKED}}[$__rate_interval])))`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Requests in progress",
      description: "A line that only rises means that requests don't end.",
      span: 6,
      unit: "count",
      series: { "{{method}} {{route}}": `sum by (method, route) (http_requests_inprogress{${PICKED}})` },
      min: 0,
    }))
    .withPanel(graph({
      title: "Thoughts per insert",
      description: "Mean size of a group commit. It grows with the load and keeps the database's work flat.",
      span: 6,
      unit: "count",
      series: {
        "mean": "sum(rate(thoughts_insert_batch_size_sum[$__rate_interval]))" +
          " / (sum(rate(thoughts_insert_batch_size_count[$__rate_interval])) > 0)",
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Dependency latency p95",
      description:
        "What the calls to PostgreSQL, Redis, Kafka and the model take over 5 minutes, from the traces.",
      span: 12,
      unit: "seconds",
      series: {
        "{{service}}: {{span_name}}":
          'histogram_quantile(0.95, sum by (le, service, span_name) (rate(traces_spanmetrics_latency_bucket{span_kind=~"SPAN_KIND_(CLIENT|PRODUCER)"}[5m])))',
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Dependency calls that fail",
      description: "Per second over 5 minutes, from the traces.",
      span: 12,
      unit: "per second",
      series: {
        "{{service}}: {{span_name}}":
          'sum by (service, span_name) (rate(traces_spanmetrics_calls_total{span_kind=~"SPAN_KIND_(CLIENT|PRODUCER)", status_code="STATUS_CODE_ERROR"}[5m])) or label_replace(0 * sum(up), "span_name", "none failed", "", "")',
      },
      min: 0,
      upTo: 1,
    }))
    .withRow(section("Webhooks"))
    .withPanel(graph({
      title: "Webhook attempts",
      description:
        "Attempts per second to deliver an event, by outcome; events given up. Rejected and failed are the receivers', refused is a name that leads into a private network.",
      span: 8,
      unit: "per second",
      series: {
        "{{outcome}}": "sum by (outcome) (rate(webhook_attempts_total[$__rate_interval]))",
        "given up": "sum(rate(webhook_given_up_total[$__rate_interval]))",
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Webhook delay",
      description:
        "From a thought's end until its receiver has accepted the event, and how long due events wait for their turn. The oldest may be a receiver that does not work.",
      span: 8,
      unit: "seconds",
      threshold: "webhooksOverdue",
      series: {
        "p95": "histogram_quantile(0.95, sum by (le) (rate(webhook_delay_seconds_bucket[$__rate_interval])))",
        "due": "max(webhook_overdue_seconds)",
        "oldest": "max(webhook_oldest_pending_seconds)",
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Webhook events that wait",
      description: "For their delivery or for another attempt; and receiving hosts that are paused.",
      span: 8,
      unit: "count",
      series: {
        "events": "max(webhook_pending)",
        "hosts paused": "max(webhook_hosts_paused)",
      },
      min: 0,
    }))
    .withRow(section("Process"))
    .withPanel(graph({
      title: "Memory",
      description: "Resident memory as Deno reports it. A line that never falls is a leak.",
      span: 6,
      unit: "bytes",
      threshold: "apiMemory",
      series: { "{{instance}}": `app_resident_memory_bytes{${JOB}, instance=~"$instance"}` },
      min: 0,
    }))
    .withPanel(graph({
      title: "File descriptors, machine",
      // A process with least permissions may not count its own: prom-client then reports a false 0.
      description:
        "Open files and sockets of the whole machine. Connections that are not closed show up here.",
      span: 6,
      unit: "count",
      series: { open: "sum(node_filefd_allocated)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "CPU",
      description: "Cores in use. JavaScript runs on one: near 1 it is full.",
      span: 6,
      unit: "cores",
      series: {
        "{{instance}}": `rate(process_cpu_seconds_total{${JOB}, instance=~"$instance"}[$__rate_interval])`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Event loop lag p99",
      description: "How long ready work waited for the loop. Above 0.1 s every request feels it.",
      span: 6,
      unit: "seconds",
      threshold: "eventLoopLag",
      series: {
        "{{instance}}":
          `histogram_quantile(0.99, sum by (le, instance) (rate(app_event_loop_lag_seconds_bucket{${JOB}, instance=~"$instance"}[$__rate_interval])))`,
      },
      min: 0,
    }))
    .withPanel(graph({
      title: "Dependencies reached",
      description:
        "1: a process reaches what it depends on. 0 of one process alone: its network, not the server.",
      span: 12,
      height: 5,
      unit: "count",
      series: {
        "{{job}} {{instance}}: {{dependency}}": "min by (job, instance, dependency) (app_dependency_up)",
      },
      min: 0,
      max: 1,
    }))
    .withPanel(labelTable({
      title: "Versions",
      description:
        "Processes by service, version and Deno. Two versions of one service: a rollout is in progress.",
      span: 12,
      height: 5,
      unit: "count",
      expr: "count by (service, version, deno) (app_build_info)",
    }))
    .withRow(closedSection("Logs and traces", [
      logLines({
        title: "API logs",
        description: "The API's lines, newest first. Open one for its trace.",
        span: 12,
        height: 12,
        logql: LOGS,
      }),
      recentTraces({
        title: "Recent traces",
        description:
          "Traces that began at the API. A sampled thought is followed from the request to its stored result.",
        span: 12,
        height: 12,
        // Only users' routes: a load balancer's probes may be traced too.
        traceql: '{ resource.service.name = "thoughtprocessor-api" && span.http.route =~ "/thoughts.*" }',
      }),
      serviceMap({
        title: "Service map",
        description: "Who calls whom, from the traces of the last minutes.",
        span: 12,
      }),
      graph({
        title: "Spans and log lines dropped",
        description:
          "What our processes could not deliver: spans whose queue was full or that Tempo did not accept, and log lines that no reader took.",
        span: 12,
        unit: "count",
        series: {
          "{{job}} log lines": "sum by (job) (increase(log_lines_dropped_total[$__rate_interval]))",
          "{{job}} spans, {{reason}}":
            "sum by (job, reason) (increase(trace_spans_dropped_total[$__rate_interval]))",
        },
        min: 0,
      }),
    ]))
    .build();
}

function quantile(q: number): string {
  return `histogram_quantile(${q}, sum by (le) (rate(http_request_duration_seconds_bucket{${PICKED}}[$__rate_interval])))`;
}
