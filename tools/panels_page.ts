/** The tables of docs/panels.md. */
import { readDashboards } from "../stack/dashboards/model.ts";
import { table } from "./markdown_table.ts";

const dashboards = await readDashboards();

export function panels(): string {
  return dashboards.map(({ title, panels }) => {
    const rows = panels.map(({ title, description }) => [title, description]);
    return `## ${title}\n\n${table(["panel", "what it says"], rows)}`;
  }).join("\n\n");
}
