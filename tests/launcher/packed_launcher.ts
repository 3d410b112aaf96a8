/** The launcher as it is packed, with this checkout's files: what a binary does, without the half minute to build it. */
import { join } from "node:path";
import { collectPayload } from "../../stack/packaging/payload.ts";
import { main } from "../../start_monitoring.ts";

const DASHBOARDS = "config/grafana/dashboards/";
const root = join(import.meta.dirname!, "..", "..");
const { files, ...payload } = await collectPayload(root, "0.0.0-test");

/** One dashboard with one panel: these tests are about the launcher, not about what the dashboards ask. */
const dashboard = {
  uid: "t",
  title: "Test",
  panels: [{ title: "up", type: "stat", targets: [{ expr: "up" }] }],
};
const others = Object.entries(files).filter(([path]) => !path.startsWith(DASHBOARDS));
const shipped = { ...Object.fromEntries(others), [`${DASHBOARDS}test.json`]: JSON.stringify(dashboard) };

Deno.exit(await main(Deno.args, { ...payload, files: shipped }));
