/** Grafana has its data sources and dashboards. */
import type { Dashboard } from "../dashboards/model.ts";
import { LaunchFailure } from "../failure.ts";
import { Grafana } from "../clients/grafana.ts";
import type { RunningRow } from "../checklist.ts";
import type { ServiceName } from "../services.ts";
import { until } from "../wait.ts";
import type { Proven } from "./context.ts";

const PROVISIONED_MS = 60_000;

/** A path of each data source that answers when it works: uid (the service's name too) and path. */
const SOURCES = [
  ["prometheus", "api/v1/query?query=1"],
  ["loki", "loki/api/v1/labels"],
  ["tempo", "api/echo"],
  ["alertmanager", "api/v2/status"],
] as const satisfies readonly (readonly [ServiceName, string])[];

/** Every data source answers through Grafana. */
export async function sourcesAnswer(proven: Proven, { say, signal }: RunningRow): Promise<string> {
  const { host, endpoints, selection } = proven;
  const grafana = new Grafana(host, endpoints.of("grafana"), proven.grafanaLogin);
  const wanted = SOURCES.filter(([name]) => selection.has(name));
  return await until(async () => {
    for (const [uid, path] of wanted) await grafana.reach(uid, path);
    return { ready: `${wanted.map(([uid]) => uid).join(", ")} answer` };
  }, {
    host,
    deadlineMs: PROVISIONED_MS,
    signal,
    say,
    late: (why) => notProvisioned("A data source does not answer through Grafana", why),
  });
}

/** Every dashboard of ours is loaded. */
export async function dashboardsLoaded(
  proven: Proven,
  dashboards: readonly Dashboard[],
  { say, signal }: RunningRow,
): Promise<string> {
  const { host, endpoints } = proven;
  const grafana = new Grafana(host, endpoints.of("grafana"), proven.grafanaLogin);
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
      login
        ? "put the old .env back, or: docker compose exec grafana grafana cli admin reset-admin-password NEW"
        : "",
      "see what grafana says: deno task monitoring logs grafana",
    ].filter(Boolean),
  });
}
