/** An installation other than Compose's, by its addresses: what `verify --url` and `verify --context` prove. */
import type { Cluster } from "./cluster/find_services.ts";
import { Unreachable } from "./clients/http.ts";
import { createPrometheus } from "./clients/prometheus.ts";
import { PROCESSED } from "./clients/workers.ts";
import { LaunchFailure, prerequisite } from "./failure.ts";
import type { Host } from "./host.ts";
import type { RunningStack } from "./running_stack.ts";
import { type Selection, type Service, type ServiceName, SERVICES } from "./services.ts";
import type { Paths } from "./paths.ts";

export interface Installation {
  /** Base addresses by service. */
  readonly addresses: Partial<Readonly<Record<ServiceName, string>>>;
  /** Where its services are found that have no address here. */
  readonly cluster?: Cluster;
  /** Holds a key that may read, write and delete thoughts of the user `launcher-proof`. */
  readonly keyFile?: string;
  /** Holds `user:password`. */
  readonly grafanaLoginFile?: string;
}

/** The addresses that can be given, and their options. */
export const ADDRESSES = {
  api: { flag: "--url", variable: "VERIFY_URL" },
  prometheus: { flag: "--prometheus-url", variable: "VERIFY_PROMETHEUS_URL" },
  alertmanager: { flag: "--alertmanager-url", variable: "VERIFY_ALERTMANAGER_URL" },
  grafana: { flag: "--grafana-url", variable: "VERIFY_GRAFANA_URL" },
  loki: { flag: "--loki-url", variable: "VERIFY_LOKI_URL" },
  tempo: { flag: "--tempo-url", variable: "VERIFY_TEMPO_URL" },
} as const satisfies Partial<Record<ServiceName, { readonly flag: string; readonly variable: string }>>;

/** Two scrapes, and one that may be missed. */
const COUNTED_MS = 60_000;

/**
 * Determines what can be checked: what has an address, and what its Prometheus scrapes.
 *
 * @throws {LaunchFailure} when a file cannot be read, or Prometheus is not responding
 */
export async function openInstallation(
  { host, paths }: { readonly host: Host; readonly paths: Paths },
  { addresses, cluster, keyFile, grafanaLoginFile }: Installation,
): Promise<RunningStack> {
  if (addresses.grafana !== undefined && grafanaLoginFile === undefined) {
    throw new LaunchFailure("usage", {
      what: "Grafana's login is missing",
      next: ["give --grafana-login-file, a file with user:password of a user who may view the dashboards"],
    });
  }
  const [apiKey, grafanaLogin = ""] = await Promise.all([keyFile, grafanaLoginFile].map(secretIn));
  const prometheus = addresses.prometheus === undefined
    ? undefined
    : createPrometheus({ host, url: addresses.prometheus });
  const jobs = new Set((await prometheus?.targets().catch(noTargets))?.map(({ job }) => job));
  const all = (name: ServiceName) => [addresses[name] ?? []].flat();
  return {
    host,
    paths,
    selection: selectionOf(addresses, jobs),
    endpoints: { all, of: (name) => addresses[name] ?? notGiven(name) },
    workers: 1,
    grafanaLogin,
    ...(apiKey !== undefined && { apiKey }),
    counter: {
      delayMs: COUNTED_MS,
      processed: async () => (await prometheus?.instant(`sum(${PROCESSED})`))?.[0] ?? 0,
    },
    howToGive: (name) => {
      if (!(name in ADDRESSES)) return `a job of ${name}`;
      return cluster ? `--${name}` : ADDRESSES[name as keyof typeof ADDRESSES].flag;
    },
  };
}

/**
 * The core, what has an address, and what Prometheus scrapes under the name that rules and dashboards use.
 */
function selectionOf(addresses: Installation["addresses"], jobs: ReadonlySet<string>): Selection {
  const services: readonly Service[] = SERVICES;
  const isPresent = (service: Service) => {
    if (service.core || service.name in addresses) return true;
    if (service.name in ADDRESSES) return false;
    // Whatever collects the lines, if Loki has any.
    if (service.name === "promtail") return addresses.loki !== undefined;
    return service.jobs.some((job) => jobs.has(job));
  };
  // Only the core's jobs must be there: a cluster may scrape its Grafana under another name, or not at all.
  const expected = (service: Service): Service =>
    service.core ? service : { ...service, jobs: service.jobs.filter((job) => jobs.has(job)) };
  const wanted = services.filter(isPresent).map(expected);
  return {
    wanted,
    leftOut: services.filter((service) => !isPresent(service)),
    has: (...names) => names.every((name) => wanted.some((service) => service.name === name)),
  };
}

/** The text of a file that holds one secret. */
async function secretIn(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    const text = (await Deno.readTextFile(path)).trim();
    if (text !== "" && !text.includes("\n")) return text;
    throw prerequisite(`${path} does not hold one line`, { next: ["put only the secret into it"] });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
    throw prerequisite(`${path} cannot be read`, {
      cause: "in a checkout the launcher reads files of that folder only",
      next: ["put the file into secrets/, which Git ignores"],
    });
  }
}

function notGiven(name: ServiceName): never {
  throw new LaunchFailure("usage", { what: `The address of ${name} is not given`, next: [] });
}

function noTargets(error: unknown): never {
  if (!(error instanceof Unreachable)) throw error;
  throw new LaunchFailure("service", {
    what: "Prometheus is not responding",
    cause: error.message,
    next: ["check the address", "leave it out: what needs it is then not checked"],
  });
}
