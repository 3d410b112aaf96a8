/** The tables of docs/licences.md. */
import { DEVELOPMENT_ONLY } from "./licences.ts";
import type { Package } from "./packages.ts";
import { table } from "./markdown_table.ts";

/** Each licence with the number of packages that have it, most frequent first. */
export function licences(packages: readonly Package[]): string {
  const groups = Object.entries(Object.groupBy(packages, ({ licence }) => licence))
    .map(([licence, group = []]) => ({ licence, group }))
    .sort((a, b) => b.group.length - a.group.length || (a.licence < b.licence ? -1 : 1));
  const rows = groups.map(({ licence, group }) => [
    licence,
    String(group.length),
    group.flatMap(({ name }) => DEVELOPMENT_ONLY[name] ? [`${name}: ${DEVELOPMENT_ONLY[name].why}`] : [])
      .join(" "),
  ]);
  return table(["licence", "packages", "exceptions"], rows);
}

export function packages(packages: readonly Package[]): string {
  const rows = packages.map(({ name, version, licence, neededBy, goesInto }) => [
    name,
    version,
    licence,
    [...new Set(neededBy)].join(", "),
    goesInto.join(", ") || "development only",
  ]);
  return table(["package", "version", "licence", "needed by", "goes into"], rows);
}
