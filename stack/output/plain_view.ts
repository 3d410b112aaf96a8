/** One line for each check once it is settled, and now and then for one that takes long: for logs, pipes and CI. */
import type { ChecklistResult, View } from "../checklist.ts";
import { COLOUR, GLYPH, paint, rowText, seconds, type Terminal } from "./format.ts";

/** Between two lines of a check that is not settled, in seconds. */
const PROGRESS_S = 15;

export function plainView(write: (text: string) => void, terminal: Terminal): View {
  /** When a check was last told of, in seconds since its checklist began. */
  const told = new Map<string, number>();
  return {
    start(checklist) {
      told.clear();
      write(`${checklist}\n`);
    },
    update(name, text, seconds) {
      if (seconds - (told.get(name) ?? 0) < PROGRESS_S) return;
      told.set(name, seconds);
      write(`  ${paint(terminal, "dim", "…")} ${rowText(terminal, { name, text, seconds })}\n`);
    },
    finish: (check) => {
      const glyph = paint(terminal, COLOUR[check.outcome], GLYPH[check.outcome]);
      write(`  ${glyph} ${rowText(terminal, check)}\n`);
      for (const note of check.notes) write(`      ${note}\n`);
    },
    end: (result) => {
      write(`  ${summary(result)}, ${seconds(result.seconds)}\n`);
      return Promise.resolve();
    },
  };
}

/** "7 ok, 1 warning, 2 failed, 1 skipped", without zeros. */
export function summary(result: ChecklistResult): string {
  const count = (outcome: string) => result.checks.filter((check) => check.outcome === outcome).length;
  const parts: [number, string][] = [
    [count("ok"), "ok"],
    [count("warn"), count("warn") === 1 ? "warning" : "warnings"],
    [count("failed"), "failed"],
    [count("skipped"), "skipped"],
  ];
  return parts.filter(([n]) => n > 0).map(([n, word]) => `${n} ${word}`).join(", ") || "nothing to do";
}
