/** SLOs: are the objectives met, what is wrong now, and what does it cost? */
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { BURN_RATES, OBJECTIVES } from "../../core/telemetry/thresholds.ts";
import {
  burnSteps,
  closedSection,
  dashboard,
  OBJECTIVE_COLOURS,
  section,
  SEVERITIES,
  steps,
  upFrom,
} from "./theme.ts";
import { alertCount, bars, firingAlerts, graph, logLines, number, objectiveBars } from "./panels.ts";

const LOGS = '{service=~".+"} |= "ERROR"';

/** The local analyser uses no model; an empty panel would look broken. */
const NO_MODEL = ' or label_replace(vector(0), "model", "no model used", "", "")';

export function sloDashboard(): Dashboard {
  return dashboard("tp-slo", "Objectives, error budgets, alerts and cost.", LOGS, {
    from: "now-7d",
    refresh: "1m",
  })
    .withPanel(number({
      title: "Smallest budget",
      description:
        "The objective whose error budget is used up most, and what is left of it. Below 0 it is missed.",
      span: 4,
      unit: "ratio",
      colours: upFrom(0),
      expr: "bottomk(1, slo:error_budget_left:30d)",
      legend: "{{slo}}",
      noValue: "Too early",
    }))
    .withPanel(alertCount({ title: "Alerts firing", description: "Warnings and critical alerts.", span: 4 }))
    .withPanel(number({
      title: "Targets down",
      description: "Targets that Prometheus cannot scrape.",
      span: 4,
      unit: "count",
      threshold: "targetsDown",
      expr: "count(up == 0 unless on (job) target:left_out) or vector(0)",
    }))
    .withPanel(number({
      title: "Alerting works",
      description: "Whether the Watchdog, which always fires, is known to Alertmanager.",
      span: 4,
      unit: "count",
      words: ["no", "yes"],
      colours: upFrom(1),
      expr: 'sum(alertmanager_alerts{state="active"}) > bool 0 or vector(0)',
    }))
    .withPanel(number({
      title: "Cost in 24 h",
      description: "USD spent on language models in 24 hours. The local analyser costs nothing.",
      span: 4,
      unit: "usd",
      decimals: 2,
      expr: "sum(increase(batch_processor_cost_usd_total[1d])) or vector(0)",
    }))
    .withPanel(number({
      title: "Saved in 24 h",
      description: "USD that the cached analyses would have cost again.",
      span: 4,
      unit: "usd",
      decimals: 2,
      expr: "sum(increase(batch_processor_cost_saved_usd_total[1d])) or vector(0)",
    }))
    .withPanel(bars({
      title: "Error budget left",
      description:
        "Of 30 days, or since Prometheus began. 100 %: untouched. Below 0 %: the objective is missed.",
      span: 8,
      height: 8,
      unit: "ratio",
      colours: upFrom(0),
      expr: "slo:error_budget_left:30d",
      legend: "{{slo}}",
      min: -1,
      max: 1,
    }))
    .withPanel(objectiveBars({
      title: "Objective reached",
      description: Object.values(OBJECTIVES).map((o) => `- ${o.title}, ${o.target * 100} %: ${o.good}`).join(
        "\n",
      ),
      span: 8,
      height: 8,
      expr: "1 - slo:error_ratio:30d",
      min: 0.9,
    }))
    .withPanel(firingAlerts({
      title: "Firing alerts",
      description: "What fires now and since when, the most important first. Each links to its runbook.",
      span: 8,
    }))
    .withPanel(graph({
      title: "Burn rate, 1 hour",
      description: `1: the budget lasts exactly 30 days. ErrorBudgetBurningFast fires above ${
        BURN_RATES[0].rate
      }.`,
      span: 12,
      unit: "count",
      colours: burnSteps(),
      upTo: 2,
      series: { "{{slo}}": "slo:burn_rate:1h" },
      paint: OBJECTIVE_COLOURS,
      logAxis: true,
      min: 0,
    }))
    .withPanel(graph({
      title: "Burn rate, 5 minutes",
      description: "The short window: is it still burning?",
      span: 12,
      unit: "count",
      colours: burnSteps(),
      upTo: 2,
      series: { "{{slo}}": "slo:burn_rate:5m" },
      paint: OBJECTIVE_COLOURS,
      logAxis: true,
      min: 0,
    }))
    .withRow(section("Objectives over time"))
    .withPanel(graph({
      title: "Burn rate, 6 hours and 3 days",
      description: "The long windows: a slow leak shows here.",
      span: 12,
      unit: "count",
      colours: burnSteps(),
      upTo: 2,
      series: { "{{slo}} 6h": "slo:burn_rate:6h", "{{slo}} 3d": "slo:burn_rate:3d" },
      paint: OBJECTIVE_COLOURS,
      logAxis: true,
      min: 0,
    }))
    .withPanel(graph({
      title: "Error budget left",
      description: "The course of the budgets.",
      span: 12,
      unit: "ratio",
      series: { "{{slo}}": "slo:error_budget_left:30d" },
      paint: OBJECTIVE_COLOURS,
      max: 1,
    }))
    .withRow(section("Alerts"))
    .withPanel(graph({
      title: "Alerts by severity",
      description: "`none` is the Watchdog: it must never be missing.",
      span: 12,
      unit: "count",
      stacked: true,
      series: { "{{severity}}": 'count by (severity) (ALERTS{alertstate="firing"})' },
      paint: SEVERITIES,
      min: 0,
    }))
    .withPanel(graph({
      title: "Notifications",
      description: "Sent by Alertmanager, failed, and received by the API's webhook, in the last hour.",
      span: 12,
      unit: "count",
      series: {
        "sent": 'sum(increase(alertmanager_notifications_total{integration="webhook"}[1h]))',
        "failed": 'sum(increase(alertmanager_notifications_failed_total{integration="webhook"}[1h]))',
        "received": "sum(increase(alert_notifications_total[1h])) or vector(0)",
      },
      min: 0,
    }))
    .withRow(section("Cost"))
    .withPanel(graph({
      title: "Cost per hour",
      description:
        "USD by provider and model, and what the cache saved. Nothing while the analyser is local.",
      span: 12,
      unit: "usd",
      series: {
        "{{provider}} {{model}}": "sum by (provider, model) (increase(batch_processor_cost_usd_total[1h]))" +
          NO_MODEL,
        "saved by the cache": "sum(increase(batch_processor_cost_saved_usd_total[1h])) or vector(0)",
      },
      min: 0,
      upTo: 0.01,
    }))
    .withPanel(graph({
      title: "Tokens",
      description: "Tokens per second by model and direction. Nothing while the analyser is local.",
      span: 12,
      unit: "per second",
      series: {
        "{{model}} {{direction}}":
          "sum by (model, direction) (rate(batch_processor_tokens_total[$__rate_interval]))" + NO_MODEL,
      },
      min: 0,
      upTo: 1,
    }))
    .withRow(section("Canary"))
    .withPanel(number({
      title: "Canary",
      description: "Whether the last thought that the canary posted came through every part.",
      span: 4,
      unit: "count",
      words: ["failed", "ok"],
      colours: upFrom(1),
      expr: "max(canary_success)",
    }))
    .withPanel(graph({
      title: "Canary's steps",
      description:
        "Seconds from the POST to acceptance, then to the stored result, and from there to the trace and the log lines. A gap: the step was not finished.",
      span: 10,
      unit: "seconds",
      series: { "{{step}}": "max by (step) (canary_step_seconds)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Canary's runs",
      description:
        "In the last hour, by how they ended, and its thoughts as the workers count them: no other metric does.",
      span: 10,
      unit: "count",
      series: {
        "{{outcome}}": "sum by (outcome) (increase(canary_runs_total[1h]))",
        "workers: {{outcome}}": "sum by (outcome) (increase(batch_processor_canary_thoughts_total[1h]))",
      },
      min: 0,
    }))
    .withRow(section("Monitoring itself"))
    .withPanel(graph({
      title: "Targets up by job",
      description: "Targets that Prometheus can scrape.",
      span: 8,
      unit: "count",
      series: { "{{job}}": "sum by (job) (up)" },
      min: 0,
    }))
    .withPanel(graph({
      title: "Data dropped",
      description:
        "Log lines and spans lost per second. Must be 0; LogsDropped and TracesDropped fire on it.",
      span: 8,
      unit: "per second",
      series: {
        "Loki": "sum(rate(loki_discarded_samples_total[$__rate_interval])) or vector(0)",
        "Promtail": "sum(rate(promtail_dropped_entries_total[$__rate_interval])) or vector(0)",
        "Tempo": "sum(rate(tempo_discarded_spans_total[$__rate_interval])) or vector(0)",
      },
      min: 0,
      upTo: 1,
    }))
    .withPanel(graph({
      title: "Free disk space",
      description: "Share of each disk that is free.",
      span: 8,
      unit: "ratio",
      colours: steps("diskFree"),
      series: {
        "{{device}}": "min by (device) (" +
          'node_filesystem_avail_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"}' +
          ' / node_filesystem_size_bytes{fstype!~"tmpfs|ramfs|overlay|squashfs"})',
      },
      min: 0,
      max: 1,
    }))
    .withRow(closedSection("Logs", [
      logLines({
        title: "Errors in the logs",
        description: "Lines that say ERROR, of every service.",
        span: 24,
        logql: LOGS,
      }),
    ]))
    .build();
}
