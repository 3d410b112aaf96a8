/** The services of docker-compose.yml, with what Compose does not know about them. */
import { LaunchFailure } from "./failure.ts";
import { suggestion } from "./suggestion.ts";

export interface Service {
  readonly name: string;
  /** Its purpose, in a few words. */
  readonly does: string;
  /** On the path of a thought: it cannot be left out. */
  readonly core: boolean;
  /** Does one thing, then exits. */
  readonly once?: boolean;
  /** Port inside the container, when docker-compose.yml publishes it on the host. */
  readonly port?: number;
  /** The variable of docker-compose.yml that moves the host's port. */
  readonly portVariable?: string;
  /** Prometheus jobs that scrape it. */
  readonly jobs: readonly string[];
  /** Prefixes of the metrics that are absent without it. */
  readonly metrics?: readonly string[];
}

/** The most workers the published ports 8001-8010 have room for. */
export const MAX_WORKERS = 10;

export const SERVICES = [
  { name: "secrets", does: "writes the password files", core: true, once: true, jobs: [] },
  { name: "db", does: "thoughts and outbox", core: true, jobs: [] },
  { name: "redis", does: "cached analyses", core: true, jobs: [] },
  { name: "kafka", does: "transport", core: true, jobs: [] },
  {
    name: "api",
    does: "HTTP API and live page",
    core: true,
    port: 8000,
    portVariable: "API_PORT",
    jobs: ["thoughtprocessor-api"],
  },
  {
    name: "kafka-worker",
    does: "batch workers",
    core: true,
    port: 8001,
    portVariable: "WORKER_PORTS",
    jobs: ["kafka-worker"],
  },
  { name: "webhooks", does: "delivers webhooks", core: true, jobs: ["webhooks"] },
  {
    name: "prometheus",
    does: "metrics, rules",
    core: false,
    port: 9090,
    portVariable: "PROMETHEUS_PORT",
    jobs: ["prometheus"],
    metrics: ["prometheus_"],
  },
  {
    name: "alertmanager",
    does: "alerts",
    core: false,
    port: 9093,
    portVariable: "ALERTMANAGER_PORT",
    jobs: ["alertmanager"],
    metrics: ["alertmanager_"],
  },
  {
    name: "grafana",
    does: "dashboards, logs, traces",
    core: false,
    port: 3000,
    portVariable: "GRAFANA_PORT",
    jobs: ["grafana"],
    metrics: ["grafana_"],
  },
  {
    name: "loki",
    does: "logs",
    core: false,
    port: 3100,
    portVariable: "LOKI_PORT",
    jobs: ["loki"],
    metrics: ["loki_"],
  },
  { name: "promtail", does: "log shipping", core: false, jobs: ["promtail"], metrics: ["promtail_"] },
  {
    name: "tempo",
    does: "traces",
    core: false,
    port: 3200,
    portVariable: "TEMPO_PORT",
    jobs: ["tempo"],
    metrics: ["tempo_", "traces_"],
  },
  {
    name: "canary",
    does: "a thought a minute, followed",
    core: false,
    jobs: ["canary"],
    metrics: ["canary_"],
  },
  { name: "node-exporter", does: "host metrics", core: false, jobs: ["node"], metrics: ["node_"] },
  { name: "postgres-exporter", does: "database metrics", core: false, jobs: ["postgres"], metrics: ["pg_"] },
  { name: "redis-exporter", does: "cache metrics", core: false, jobs: ["redis"], metrics: ["redis_"] },
  { name: "kafka-exporter", does: "broker metrics, lag", core: false, jobs: ["kafka"], metrics: ["kafka_"] },
] as const satisfies readonly Service[];

export type ServiceName = (typeof SERVICES)[number]["name"];

/** The names of the services that can be left out. */
export const OPTIONAL: readonly string[] = SERVICES.filter(({ core }) => !core).map(({ name }) => name);

/** What docker-compose.yml is told about them: the jobs that Prometheus must not miss. */
export function leftOutVariables({ leftOut }: Selection): Record<string, string> {
  return { LEFT_OUT_JOBS: leftOut.flatMap(({ jobs }) => jobs).join(" ") };
}

/** The part of the stack that a run is about. */
export interface Selection {
  readonly wanted: readonly Service[];
  readonly leftOut: readonly Service[];
  has(...names: ServiceName[]): boolean;
}

/**
 * Splits the services into those that are started and those that are left out.
 *
 * @throws {LaunchFailure} of kind usage, when a name is unknown or belongs to the core
 */
export function select(without: readonly string[]): Selection {
  const services: readonly Service[] = SERVICES;
  for (const name of without) {
    const service = services.find((s) => s.name === name);
    if (service && !service.core) continue;
    throw new LaunchFailure("usage", {
      what: service ? `Cannot leave out "${name}"` : `There is no service "${name}"`,
      cause: service ? "a thought passes through it" : undefined,
      next: [...suggestion(name, OPTIONAL), `can be left out: ${OPTIONAL.join(", ")}`],
    });
  }
  const wanted = services.filter((s) => !without.includes(s.name));
  return {
    wanted,
    leftOut: services.filter((s) => without.includes(s.name)),
    has: (...names) => names.every((name) => wanted.some((s) => s.name === name)),
  };
}
