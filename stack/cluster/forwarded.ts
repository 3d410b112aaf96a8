/** The parts of an installation in a cluster, each by a forwarded port of this machine. */
import { type ChecklistResult, failuresOf, runChecklist, type View } from "../checklist.ts";
import type { Host } from "../host.ts";
import type { Installation } from "../installation.ts";
import { type Cluster, findServices, type Found, type Part, PARTS } from "./find_services.ts";
import { createKubectl, type Forward } from "./kubectl.ts";

export interface Forwarded extends AsyncDisposable {
  readonly checklist: ChecklistResult;
  /** The installation with these addresses; undefined when a port could not be forwarded. */
  readonly installation: Installation | undefined;
}

/**
 * Finds the services and forwards a port to each. Addresses that are given are used as they are.
 *
 * @throws {LaunchFailure} when kubectl, the cluster or the release is not there
 */
export async function forwardServices(
  { host, view }: { readonly host: Host; readonly view: View },
  installation: Installation,
  cluster: Cluster,
): Promise<Forwarded> {
  const kubectl = createKubectl(host, cluster.context);
  const { addresses: given, grafanaLoginFile } = installation;
  const parts = (Object.keys(PARTS) as Part[]).filter((part) =>
    given[part] === undefined && (part !== "grafana" || grafanaLoginFile !== undefined)
  );
  const found = findServices(await kubectl.services(cluster.namespace), cluster, parts);
  await using forwards = new AsyncDisposableStack();
  const addresses: Record<string, string> = {};
  const checks = found.map(({ part, service, port }: Found) => ({
    name: part,
    run: async () => {
      const forward: Forward = forwards.use(await kubectl.forward(service, port));
      addresses[part] = forward.address;
      return `${service.namespace}/${service.name}:${port} at ${forward.address}`;
    },
  }));
  const checklist = await runChecklist(host, view, { name: "forwarded", checks });
  const isComplete = failuresOf(checklist).length === 0;
  const kept = forwards.move();
  return {
    checklist,
    installation: isComplete ? { ...installation, addresses: { ...addresses, ...given } } : undefined,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
