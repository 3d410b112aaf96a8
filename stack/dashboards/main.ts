// deno-lint-ignore-file no-console -- a command line program
/** `deno task dashboards`: writes config/grafana/dashboards/*.json; with `--check` it only compares, and exits with 1. */
import { apiDashboard } from "./api.ts";
import { databaseDashboard } from "./database.ts";
import { kafkaDashboard } from "./kafka.ts";
import { DASHBOARDS, type Uid } from "./boards.ts";
import { toJson } from "./theme.ts";
import { overviewDashboard } from "./overview.ts";
import { sloDashboard } from "./slo.ts";

const BUILD = {
  "tp-overview": overviewDashboard,
  "tp-api": apiDashboard,
  "tp-kafka": kafkaDashboard,
  "tp-database": databaseDashboard,
  "tp-slo": sloDashboard,
} as const satisfies Record<Uid, unknown>;

/** What each dashboard file should hold, by its path in the repository. */
export function dashboardFiles(): Map<string, string> {
  const uids = Object.keys(BUILD) as Uid[];
  return new Map(
    uids.map((uid) => [`config/grafana/dashboards/${DASHBOARDS[uid].file}`, toJson(BUILD[uid]())]),
  );
}

if (import.meta.main) {
  const check = Deno.args.includes("--check");
  const stale: string[] = [];
  for (const [path, text] of dashboardFiles()) {
    if (check) {
      if (await Deno.readTextFile(path).catch(() => "") !== text) stale.push(path);
      continue;
    }
    await Deno.mkdir("config/grafana/dashboards", { recursive: true });
    await Deno.writeTextFile(path, text);
  }
  if (stale.length > 0) {
    console.error(`Not up to date: ${stale.join(", ")}. Run: deno task dashboards`);
    Deno.exit(1);
  }
}
