/** What the dashboards that `adopt` wrote ask of Prometheus. */
import { join } from "node:path";
import { type Dashboard, readDashboards } from "../../stack/dashboards/model.ts";

export interface OwnPanel {
  readonly title: string;
  readonly expr: string;
}

/** The queries of the dashboard of a service. */
export async function ownPanels(extensions: string, name: string): Promise<OwnPanel[]> {
  const { panels } = await ownDashboard(extensions, name);
  return panels.flatMap(({ title, queries }) =>
    queries.filter(({ language }) => language === "promql").map(({ expr }) => ({ title, expr }))
  );
}

export async function ownDashboard(extensions: string, name: string): Promise<Dashboard> {
  return (await dashboardsIn(extensions)).find(({ uid }) => uid === `own-${name}`)!;
}

/** Reads a person's dashboards as the stack reads its own. */
async function dashboardsIn(extensions: string) {
  const home = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(home, "config", "grafana"), { recursive: true });
    await Deno.symlink(join(extensions, "dashboards"), join(home, "config", "grafana", "dashboards"));
    return await readDashboards(home);
  } finally {
    await Deno.remove(home, { recursive: true });
  }
}
