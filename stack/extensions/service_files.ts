/** The three files of an adopted service: its scrape job, its alerts and its dashboard. */
import { stringify } from "yaml";
import { MIN_BAD_EVENTS, MIN_QUANTILE_EVENTS, THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import { durationExpr, errorRatioExpr, requestsOf, serviceDashboard } from "../dashboards/service.ts";
import type { Durations, ServiceMetrics } from "../dashboards/service.ts";
import { toJson } from "../dashboards/theme.ts";
import { serviceUid } from "../dashboards/boards.ts";
import { ADOPTED } from "./folder.ts";
import { MOST_SAMPLES } from "./metrics.ts";

export interface Service extends ServiceMetrics {
  /** As the person gave it. */
  readonly url: URL;
  /** `host:port` at which Prometheus reaches it. */
  readonly target: string;
  /** Whether its content type names a format that Prometheus knows. */
  readonly typed: boolean;
}

const ERRORS = THRESHOLDS.apiErrorRatio.critical;
const SLOW_SECONDS = THRESHOLDS.apiP95.warn;

/** @returns text by path below the folder of extensions */
export function serviceFiles(service: Service): Map<string, string> {
  const { name } = service;
  return new Map([
    [`scrape/${name}.yml`, scrapeFile(service)],
    [`rules/${name}.yml`, rulesFile(service)],
    [`dashboards/${name}.json`, toJson(serviceDashboard(service), { editable: true })],
  ]);
}

function scrapeFile({ name, url, target, typed }: Service): string {
  const params = Map.groupBy(url.searchParams, ([key]) => key);
  return `${ADOPTED}${url}\n` + stringify({
    scrape_configs: [{
      job_name: name,
      metrics_path: decoded(url.pathname), // Prometheus escapes it
      ...(url.protocol === "https:" && { scheme: "https" }),
      ...(url.protocol === "https:" && !target.startsWith(`${url.hostname}:`) && {
        tls_config: { server_name: url.hostname },
      }),
      ...(!typed && { fallback_scrape_protocol: "PrometheusText0.0.4" }),
      ...(params.size > 0 && {
        params: Object.fromEntries([...params].map(([key, pairs]) => [key, pairs.map(([, value]) => value)])),
      }),
      sample_limit: MOST_SAMPLES,
      static_configs: [{
        targets: [target],
        labels: { instance: url.host, component: name, service: name },
      }],
    }],
  });
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

function rulesFile(service: Service): string {
  const { name } = service;
  const annotations = (summary: string, description: string, action: string) => ({
    summary,
    description,
    action,
    dashboard_url: `{{ $externalLabels.grafana }}/d/${serviceUid(name)}`,
  });
  const labels = (severity: "critical" | "warning") => ({ severity, component: name, service: name });
  const rules = [
    {
      alert: "ServiceDown",
      for: "1m",
      labels: labels("critical"),
      expr: `up{job="${name}"} == 0 or absent(up{job="${name}"})`,
      annotations: annotations(
        `${name} is not responding`,
        `Prometheus has not been able to scrape ${name} for a minute.`,
        `Read the error at http://127.0.0.1:9090/targets, then the log of ${name}.`,
      ),
    },
    ...errorsRule(),
    ...slowRule(),
  ];
  return `${ADOPTED}${service.url}\n# Edit the limits as you like: adopting ${name} again needs adopt --remove ${name} first.\n` +
    stringify({ groups: [{ name, rules }] }, { lineWidth: 0 });

  function errorsRule() {
    const { requests } = service;
    const ratio = requests && errorRatioExpr(name, requests, "5m");
    if (!requests || ratio === undefined) return [];
    const failed = requestsOf(name, requests, `, ${requests.status}=~"5.."`);
    return [{
      alert: "ServiceErrors",
      for: "2m",
      labels: labels("critical"),
      expr: `${ratio} > ${ERRORS}` +
        ` and on () sum(increase(${requests.counter}${failed}[5m])) >= ${MIN_BAD_EVENTS}`,
      annotations: annotations(
        `${name} fails requests`,
        `{{ $value | humanizePercentage }} of its requests return a 5xx (limit ${ERRORS * 100} %).`,
        `Read the log lines of ${name}, and the trace of one that failed.`,
      ),
    }];
  }

  function slowRule() {
    const { requests } = service;
    const { durations } = requests ?? {};
    if (!requests || !durations) return [];
    const limit = limitOf(durations);
    const users = requestsOf(name, requests);
    return [{
      alert: "ServiceSlow",
      for: "5m",
      labels: labels("warning"),
      expr: `${durationExpr(durations, users, { window: "5m" })} > ${limit}` +
        ` and on () sum(increase(${durations.metric}_count${users}[5m])) >= ${MIN_QUANTILE_EVENTS}`,
      annotations: annotations(
        `${name} is slow`,
        `${
          durations.buckets ? "One request in 20 takes longer than" : "Requests take, on average,"
        } {{ $value | humanizeDuration }} (limit ${limit} s).`,
        `Click a slow dot in the panel Durations: its trace shows where the time goes.`,
      ),
    }];
  }
}

/** A bucket's bound, in seconds: between bounds a quantile is a guess. */
function limitOf({ bounds, perSecond }: Durations): number {
  const seconds = bounds.map((bound) => bound / perSecond);
  return seconds.find((bound) => bound >= SLOW_SECONDS) ?? seconds.at(-1) ?? SLOW_SECONDS;
}
