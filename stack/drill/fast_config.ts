/** The configuration of a fast drill's Prometheus and Alertmanager. */
import { join } from "node:path";
import { parse, stringify } from "yaml";
import * as z from "zod";
import { layOut } from "../paths.ts";
import type { Drill } from "./drills.ts";
import { quickDuration, quickQuery } from "./pace.ts";
import { readRuleGroups, type RuleGroup } from "./rules.ts";

/** Windows of 5 minutes, 40 s long in a fast drill, hold 20 of them, as they do at the real pace. */
const SCRAPE = "2s";
/** The objectives' rules look back over days: too long for a drill. */
const RULE_FILES = ["recording.yml", "alerts.yml"];
/** The jobs of API, workers and stores; scraping others that often would be a waste. */
export const JOBS = ["thoughtprocessor-api", "kafka-worker", "postgres", "redis", "kafka"];

const PrometheusConfig = z.looseObject({
  scrape_configs: z.array(z.looseObject({
    job_name: z.string(),
    dns_sd_configs: z.array(z.looseObject({ refresh_interval: z.string().optional() })).optional(),
  })),
});
const Durations = z.object({
  group_wait: z.string().optional(),
  group_interval: z.string().optional(),
  repeat_interval: z.string().optional(),
});
const Route = z.looseObject({
  ...Durations.shape,
  get routes() {
    return z.array(z.record(z.string(), z.unknown())).optional();
  },
});
/** As in config/alertmanager.yml: the stack's own key. */
const WEBHOOK = {
  url: "http://api:8000/alerts",
  send_resolved: true,
  http_config: { authorization: { credentials_file: "/run/secrets/alertmanager/api_key" } },
};
const AlertmanagerConfig = z.looseObject({
  route: Route,
  receivers: z.array(z.looseObject({ name: z.string() })),
});

/**
 * Writes the configuration of a fast drill's Prometheus and Alertmanager into a folder.
 *
 * @param alertmanager its host name
 * @param jobs those to scrape
 * @default all that a drill may need
 */
export async function writeFastConfig(
  dir: string,
  to: string,
  drill: Drill,
  alertmanager: string,
  jobs: readonly string[] = JOBS,
): Promise<void> {
  const write = (name: string, content: unknown) =>
    layOut(join(to, name), stringify(content, { aliasDuplicateObjects: false }), 0o644);
  const read = async (name: string) =>
    parse(await Deno.readTextFile(join(dir, "config", name)), { merge: true });
  for (const file of RULE_FILES) {
    await write(file, { groups: quickGroups(await readRuleGroups(dir, file), drill.alert) });
  }
  await write(
    "prometheus.yml",
    quickPrometheus(await read("prometheus.yml"), drill.name, alertmanager, jobs),
  );
  await write("alertmanager.yml", quickAlertmanager(await read("alertmanager.yml")));
}

/** Every recording rule, but only that alert: the real Prometheus has the others. */
function quickGroups(groups: readonly RuleGroup[], alert: string): RuleGroup[] {
  return groups.map(({ name, rules }) => ({
    name,
    rules: rules.filter((rule) => rule.record !== undefined || rule.alert === alert).map((rule) => ({
      ...rule,
      expr: quickQuery(rule.expr),
      ...(rule.for !== undefined && { for: quickDuration(rule.for) }),
      ...(rule.keep_firing_for !== undefined && { keep_firing_for: quickDuration(rule.keep_firing_for) }),
    })),
  })).filter(({ rules }) => rules.length > 0);
}

function quickPrometheus(
  config: unknown,
  drill: string,
  alertmanager: string,
  jobs: readonly string[],
): unknown {
  const { scrape_configs } = PrometheusConfig.parse(config);
  return {
    global: {
      scrape_interval: SCRAPE,
      scrape_timeout: SCRAPE,
      evaluation_interval: "1s",
      external_labels: { drill },
    },
    rule_files: RULE_FILES.map((file) => `/etc/prometheus/${file}`),
    alerting: { alertmanagers: [{ static_configs: [{ targets: [`${alertmanager}:9093`] }] }] },
    scrape_configs: scrape_configs.filter((job) => jobs.includes(job.job_name)).map((job) => ({
      ...job,
      ...(job.dns_sd_configs && {
        dns_sd_configs: job.dns_sd_configs.map((dns) => ({ ...dns, refresh_interval: "1s" })),
      }),
    })),
  };
}

function quickAlertmanager(config: unknown): unknown {
  const { route, receivers } = AlertmanagerConfig.parse(config);
  return {
    route: quickRoute(route),
    receivers: receivers.map(({ name }) => ({
      name,
      webhook_configs: [WEBHOOK],
    })),
  };
}

function quickRoute(given: unknown): unknown {
  const route = Route.parse(given);
  const durations = Object.entries(Durations.parse(route)).map((
    [name, text],
  ) => [name, quickDuration(text!)]);
  return {
    ...route,
    ...Object.fromEntries(durations),
    ...(route.routes && { routes: route.routes.map(quickRoute) }),
  };
}
