/** Checks Grafana's data sources and dashboards. */
import type { Dashboard } from "../dashboards/model.ts";
import { LaunchFailure } from "../failure.ts";
import { createGrafana } from "../clients/grafana.ts";
import { Unreachable } from "../clients/http.ts";
import type { Progress } from "../checklist.ts";
import type { ServiceName } from "../services.ts";
import { until } from "../wait.ts";
import type { RunningStack } from "../running_stack.ts";

const PROVISIONED_MS = 60_000;

/** For each data source a path that returns 200 if it works: uid (also the service's name) and path. */
const SOURCES = [
  ["prometheus", "api/v1/query?query=1"],
  ["loki", "loki/api/v1/labels"],
  ["tempo", "api/echo"],
  ["alertmanager", "api/v2/status"],
] as const satisfies readonly (readonly [ServiceName, string])[];

/** Grafana reaches every data source. */
export async function sourcesReachable(stack: RunningStack, { say, signal }: Progress): Promise<string> {
  const { host, endpoints, selection } = stack;
  const grafana = createGrafana({ host, url: endpoints.of("grafana"), login: stack.grafanaLogin });
  const wanted = SOURCES.filter(([name]) => selection.has(name));
  return await until(async () => {
    for (const [uid, path] of wanted) await grafana.reach(uid, path).catch(refusedLogin);
    return { ready: `${wanted.map(([uid]) => uid).join(", ")} are reachable` };
  }, {
    host,
    deadlineMs: PROVISIONED_MS,
    signal,
    say,
    late: (why) => notProvisioned("Grafana cannot reach a data source", why),
  });
}

/** Every dashboard of ours is loaded. */
export async function dashboardsLoaded(
  stack: RunningStack,
  dashboards: readonly Dashboard[],
  { say, signal }: Progress,
): Promise<string> {
  const { host, endpoints } = stack;
  const grafana = createGrafana({ host, url: endpoints.of("grafana"), login: stack.grafanaLogin });
  return await until(async () => {
    const loaded = new Set((await grafana.dashboards().catch(refusedLogin)).map((d) => d.uid));
    const missing = dashboards.filter((d) => !loaded.has(d.uid));
    if (missing.length === 0) return { ready: dashboards.map((d) => d.title).join(", ") };
    return { pending: `waiting for ${missing.map((d) => d.title).join(", ")}` };
  }, {
    host,
    deadlineMs: PROVISIONED_MS,
    signal,
    say,
    late: (why) => notProvisioned("Grafana has not loaded every dashboard", why),
  });
}

/** At once: after five refusals Grafana locks the account. */
function refusedLogin(error: unknown): never {
  if (!(error instanceof Unreachable) || error.status !== 401) throw error;
  throw new LaunchFailure("proof", {
    what: "Grafana refuses this folder's password",
    cause:
      "its volume was created with another one: Grafana reads GRAFANA_ADMIN_PASSWORD on its first start only",
    next: [
      "restore the old .env",
      "or set the password in the container: grafana cli admin reset-admin-password",
    ],
  });
}

function notProvisioned(what: string, cause: string): LaunchFailure {
  return new LaunchFailure("proof", {
    what,
    cause,
    next: [{ text: "see what grafana says", verb: "logs grafana" }],
  });
}
