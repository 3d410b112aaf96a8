/** The content of a cell must not break its row. */
import assert from "node:assert/strict";
import { table } from "./markdown_table.ts";

Deno.test("a row is one line, whatever its cells hold", () => {
  const text = table(["panel", "what it shows"], [["Objectives", "- availability\n\n  - latency\n"]]);
  assert.deepEqual(text.split("\n"), [
    "| panel | what it shows |",
    "| --- | --- |",
    "| Objectives | - availability<br>- latency |",
  ]);
});

Deno.test("a bar in a cell doesn't end the cell", () => {
  assert.match(table(["a", "b"], [["`x | y`", "z"]]), /\n\| `x \\\| y` \| z \|$/);
});
