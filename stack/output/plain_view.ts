import type { PhaseResult, View } from "../checklist.ts";
import { COLOUR, GLYPH, paint, type Paper, rowText, seconds } from "./text.ts";

/** One line for each row once it is settled: for logs, pipes and CI. */
export function plainView(write: (text: string) => void, paper: Paper): View {
  return {
    start: (phase) => write(`${phase}\n`),
    update: () => {},
    finish: (row) => {
      const glyph = paint(paper, COLOUR[row.outcome], GLYPH[row.outcome]);
      write(`  ${glyph} ${rowText(paper, row)}\n`);
      for (const note of row.notes) write(`      ${note}\n`);
    },
    end: (result) => {
      write(`  ${summary(result)}, ${seconds(result.seconds)}\n`);
      return Promise.resolve();
    },
  };
}

/** "7 ok, 1 warning, 2 failed, 1 skipped"; what is none is not named. */
export function summary(result: PhaseResult): string {
  const count = (outcome: string) => result.rows.filter((row) => row.outcome === outcome).length;
  const parts: [number, string][] = [
    [count("ok"), "ok"],
    [count("warn"), count("warn") === 1 ? "warning" : "warnings"],
    [count("failed"), "failed"],
    [count("skipped"), "skipped"],
  ];
  return parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`).join(", ") || "nothing to do";
}
