/** The index in docs/decisions/README.md. */
import { table } from "./markdown_table.ts";

/** The ranges of decision numbers by topic, both ends included. */
const TOPICS: readonly (readonly [first: number, last: number, topic: string])[] = [
  [1, 9, "foundations"],
  [10, 19, "containers and their configuration"],
  [20, 29, "metrics, rules, alerts, dashboards, logs, traces"],
  [30, 39, "the launcher"],
  [40, 49, "the API"],
  [50, 59, "worker speed, clocks, supply chain, permissions"],
  [60, 64, "the pipeline"],
  [65, 69, "language models, and operators' actions"],
  [70, 74, "stores"],
  [75, 79, "the API, continued"],
  [80, 84, "beyond one machine, and beyond this service"],
];

/** Every page in docs/decisions/, under its topic. */
export function decisions(): string {
  const pages = [...Deno.readDirSync("docs/decisions")].map(({ name }) => name)
    .filter((name) => /^\d{4}-/.test(name)).sort();
  const topics = TOPICS.flatMap(([first, last, topic]) => {
    const mine = pages.filter((name) =>
      Number(name.slice(0, 4)) >= first && Number(name.slice(0, 4)) <= last
    );
    const rows = mine.map((name) => {
      const title = /^# (\d+)\. (.+)$/m.exec(Deno.readTextFileSync(`docs/decisions/${name}`));
      if (title === null) throw new Error(`docs/decisions/${name} has no title "# NUMBER. Decision"`);
      return [title[1]!, `[${title[2]}](${name})`];
    });
    return rows.length === 0 ? [] : [`## ${first}–${last}: ${topic}\n\n${table(["", "decision"], rows)}`];
  });
  return topics.join("\n\n");
}
