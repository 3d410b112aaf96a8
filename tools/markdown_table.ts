/** A table in Markdown; `deno fmt` pads its columns. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function line(cells: readonly string[]): string {
  return `| ${cells.map(cell).join(" | ")} |`;
}

/** A row is one line, and a bar ends a cell, even in a code span. */
function cell(text: string): string {
  return text.trim().replaceAll("|", "\\|").replaceAll(/\s*\n\s*/g, "<br>");
}
