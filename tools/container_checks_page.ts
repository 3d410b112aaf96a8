/** The table of docs/container-checks.md. */
import { IMAGE_ITEMS } from "../tests/containers/image_items.ts";
import type { Item } from "../tests/containers/item.ts";
import { RUNTIME_ITEMS } from "../tests/containers/runtime_items.ts";
import { table } from "./markdown_table.ts";

export function containerChecks(): string {
  const rows = [...IMAGE_ITEMS, ...RUNTIME_ITEMS].map((item) => [
    item.id,
    item.title,
    item.check.of === "containers" ? "every service" : item.check.of === "Dockerfile" ? "`Dockerfile`" : "",
    outcome(item),
    remarks(item),
  ]);
  return table(["item", "title", "checked on", "outcome", "remarks"], rows);
}

function outcome({ check }: Item): string {
  if (check.of === "Dockerfile") return "held";
  if (check.of !== "containers") return check.of;
  if (check.otherwise) return "held otherwise";
  const excepted = Object.keys(check.accepted ?? {});
  return excepted.length === 0 ? "held" : `held, except for ${excepted.join(", ")}`;
}

function remarks({ note, check }: Item): string {
  const reasons = check.of === "containers" ? Object.entries(check.accepted ?? {}) : [];
  return [...(note ? [note] : []), ...reasons.map(([name, why]) => `${name}: ${why}`)].join("; ");
}
