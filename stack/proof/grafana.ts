/** Grafana has its data sources and dashboards. */
import type { Dashboard } from "../dashboards/model.ts";
import { LaunchFailure } from "../failure.ts";
import { createGrafana } from "../clients/grafana.ts";
import type { Progress } from "../checklist.ts";
import type { ServiceName } from "../services.ts";
import { until } from "../wait.ts";
import type { RunningStack } from "../running_stack.ts";

const PROVISIONED_MS = 60_000;

/** A path of each data source that returns 200 when it works: uid (also the service's name) and path. */
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
    for (const [uid, path] of wanted) await grafana.reach(uid, path);
    return { ready: `${wanted.map(([uid]) => uid).join(", ")} are reachable` };
  }, {
    host,
    deadlineMs: PROVISIONED_MS,
    signal,
    say,
    late: (why) => notProvisioned("Grafana does not reach a data source", why),
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
    const loaded = new Set((await grafana.dashboards()).map((d) => d.uid));
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

function notProvisioned(what: string, why: string): LaunchFailure {
  const login = / 401 /.test(why);
  return new LaunchFailure("proof", {
    what,
    cause: login ? "Grafana refuses the password in .env: its volume was made with another" : why,
    next: [
      ...(login
        ? [
          "restore the old .env, or reset the password in the container: grafana cli admin reset-admin-password",
        ]
        : []),
      { text: "see what grafana says", verb: "logs grafana" },
    ],
  });
}
