/** What Prometheus scrapes, under which names and how often. */
import assert from "node:assert/strict";
import { parse } from "yaml";
import { readComposeFile, readRepositoryFile } from "../support/compose_file.ts";

interface ScrapeConfig {
  readonly job_name: string;
  readonly http_headers?: { readonly traceparent?: { readonly values: readonly string[] } };
  readonly static_configs?: readonly { readonly targets: readonly string[] }[];
  readonly dns_sd_configs?: readonly {
    readonly names: readonly string[];
    readonly type: string;
    readonly port: number;
  }[];
}

const compose = readComposeFile();
const prometheus = parse(readRepositoryFile("config/prometheus.yml"), { merge: true });
const jobs = prometheus.scrape_configs as ScrapeConfig[];

/** `host:port` of everything a job scrapes. */
function targets(job: ScrapeConfig): string[] {
  return [
    ...(job.static_configs ?? []).flatMap((config) => config.targets),
    ...(job.dns_sd_configs ?? []).flatMap((config) => config.names.map((name) => `${name}:${config.port}`)),
  ];
}

Deno.test("prometheus scrapes every part under the job names that rules and dashboards use", () => {
  assert.deepEqual(jobs.map((job) => job.job_name), [
    "thoughtprocessor-api",
    "kafka-worker",
    "webhooks",
    "canary",
    "postgres",
    "redis",
    "kafka",
    "node",
    "prometheus",
    "alertmanager",
    "grafana",
    "loki",
    "promtail",
    "tempo",
  ]);
});

Deno.test("every target is a service and a port that exist, on a network prometheus is on", () => {
  for (const job of jobs) {
    assert.ok(targets(job).length > 0, job.job_name);
    for (const target of targets(job)) {
      const [host, port] = target.split(":") as [string, string];
      const name = host === "localhost" ? "prometheus" : host;
      const service = compose.services[name];
      assert.ok(service?.expose?.includes(port), `${job.job_name}: ${target}`);
      assert.ok(service?.networks?.includes("edge"), `${job.job_name}: ${target}`);
    }
  }
});

Deno.test("each worker replica is a target of its own", () => {
  const worker = jobs.find((job) => job.job_name === "kafka-worker");
  assert.deepEqual(worker?.dns_sd_configs, [
    { names: ["kafka-worker"], type: "A", port: 8001, refresh_interval: "10s" },
  ]);
});

Deno.test("scrapes and health checks of our own processes carry an unsampled parent", () => {
  for (const name of ["thoughtprocessor-api", "kafka-worker"]) {
    const job = jobs.find((job) => job.job_name === name);
    const [traceparent] = job?.http_headers?.traceparent?.values ?? [];
    assert.match(traceparent ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/, name);
    assert.ok(readRepositoryFile("config/http-probe.sh").includes(traceparent!));
  }
});

Deno.test("rules are read where they are mounted, and alerts go to the alertmanager there is", () => {
  const { volumes = [] } = compose.services.prometheus!;
  const mountOf = (source: string) =>
    volumes.find((volume) => volume.startsWith(`${source}:`))?.split(":")[1];
  assert.deepEqual(prometheus.rule_files, [
    `${mountOf("./config/prometheus")}/*.yml`,
    `${mountOf("./config/extensions/rules")}/*.yml`,
    `${/\{TMPDIR:-(\S+)\}/.exec(readRepositoryFile("config/prometheus-start.sh"))![1]}/left_out*.yml`,
  ]);
  assert.deepEqual(prometheus.scrape_config_files, [`${mountOf("./config/extensions/scrape")}/*.yml`]);
  assert.deepEqual(prometheus.alerting.alertmanagers[0].static_configs[0].targets, ["alertmanager:9093"]);
});

Deno.test("prometheus keeps exemplars, takes tempo's metrics, and scrapes every 15 s", () => {
  const flags = compose.services.prometheus!.command!;
  assert.ok(flags.includes("--enable-feature=exemplar-storage"));
  assert.ok(flags.includes("--web.enable-remote-write-receiver"));
  assert.equal(prometheus.global.scrape_interval, "15s");
});
