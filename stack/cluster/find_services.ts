/** Which services of a cluster are the parts of an installation. */
import { LaunchFailure } from "../failure.ts";
import type { ClusterService } from "./kubectl.ts";

/** Which cluster, and where in it. */
export interface Cluster {
  /** Of kubectl's configuration. */
  readonly context: string;
  /** Of the chart's release. Undefined: wherever there is one. */
  readonly namespace?: string;
  /** Parts that are named: `NAMESPACE/NAME:PORT`; without a namespace the release's, without a port the usual one. */
  readonly services: Partial<Readonly<Record<Part, string>>>;
}

/** A service with the port that its part usually has. */
export interface Found {
  readonly part: Part | "api";
  readonly service: ClusterService;
  readonly port: number;
}

/** The names and ports that the charts and operators in common use give, the best known first. */
export const PARTS = {
  prometheus: {
    names: ["prometheus-operated", "prometheus-k8s", "prometheus-server", "prometheus"],
    ports: [9090, 80],
  },
  alertmanager: {
    names: ["alertmanager-operated", "alertmanager-main", "prometheus-alertmanager", "alertmanager"],
    ports: [9093],
  },
  grafana: { names: ["grafana", "kube-prometheus-stack-grafana", "prometheus-grafana"], ports: [3000, 80] },
  loki: { names: ["loki", "loki-gateway"], ports: [3100, 80] },
  tempo: { names: ["tempo", "tempo-query-frontend"], ports: [3200, 3100] },
} as const satisfies Record<string, { readonly names: readonly string[]; readonly ports: readonly number[] }>;

export type Part = keyof typeof PARTS;

/** The labels that the chart gives its API. */
const API = { "app.kubernetes.io/name": "thought-processor", "app.kubernetes.io/component": "api" };

/**
 * Finds the API of the release, and those of the parts that are there: named, or under a usual name.
 *
 * @param parts those to look for without a name
 * @throws {LaunchFailure} of kind usage, when there is no release, or a choice between several
 */
export function findServices(
  services: readonly ClusterService[],
  { context, namespace, services: named }: Cluster,
  parts: readonly Part[],
): Found[] {
  const releases = services.filter((service) =>
    (namespace === undefined || service.namespace === namespace) &&
    Object.entries(API).every(([label, value]) => service.labels[label] === value)
  );
  const [release, ...others] = releases;
  if (release === undefined) throw noRelease(context, namespace);
  if (others.length > 0) throw several("releases of the chart", releases, "give --namespace");
  const found: Found[] = [{ part: "api", service: release, port: portOf(release, []) }];
  for (const part of Object.keys(PARTS) as Part[]) {
    const text = named[part];
    if (text !== undefined) found.push(namedService(services, part, text, release.namespace));
    else if (parts.includes(part)) found.push(...usualService(services, part, release.namespace));
  }
  return found;
}

function namedService(
  services: readonly ClusterService[],
  part: Part,
  text: string,
  home: string,
): Found {
  const [, namespace = home, name, port] = /^(?:([^/:]+)\/)?([^/:]+)(?::(\d+))?$/.exec(text) ?? [];
  const service = services.find((each) => each.namespace === namespace && each.name === name);
  if (service) return { part, service, port: port ? Number(port) : portOf(service, PARTS[part].ports) };
  throw new LaunchFailure("usage", {
    what: `There is no service ${namespace}/${name ?? text}`,
    next: [`give it as NAMESPACE/NAME:PORT`, "see them: kubectl get services --all-namespaces"],
  });
}

/** In the release's namespace, or the only one elsewhere; none if there is no such service. */
function usualService(services: readonly ClusterService[], part: Part, home: string): Found[] {
  const { names, ports } = PARTS[part];
  for (const name of names) {
    const all = services.filter((service) => service.name === name);
    const service = all.find(({ namespace }) => namespace === home) ?? all[0];
    if (service === undefined) continue;
    if (service.namespace !== home && all.length > 1) {
      throw several(`services ${name}`, all, `give --${part} NAMESPACE/${name}`);
    }
    return [{ part, service, port: portOf(service, ports) }];
  }
  return [];
}

function portOf({ ports }: ClusterService, usual: readonly number[]): number {
  return usual.find((port) => ports.includes(port)) ?? ports[0] ?? 80;
}

function noRelease(context: string, namespace: string | undefined): LaunchFailure {
  const labels = Object.entries(API).map(([label, value]) => `${label}=${value}`).join(",");
  return new LaunchFailure("usage", {
    what: `There is no release of the chart in ${
      namespace ? `the namespace ${namespace}` : `the context ${context}`
    }`,
    cause: `no service has the labels ${labels}`,
    next: ["see the releases: helm list --all-namespaces", "or give the API's address: --url"],
  });
}

function several(what: string, services: readonly ClusterService[], next: string): LaunchFailure {
  return new LaunchFailure("usage", {
    what: `There are several ${what}`,
    cause: services.map(({ namespace, name }) => `${namespace}/${name}`).join(", "),
    next: [next],
  });
}
