/** The look of results: glyphs, colours and columns. */
import { stripVTControlCharacters, styleText } from "node:util";
import type { Outcome } from "../checklist.ts";

type Style = Parameters<typeof styleText>[0];

/** An output stream: whether it supports colour, and its width. */
export interface Terminal {
  readonly colour: boolean;
  /** Columns; text outside tables is wrapped to them. */
  readonly columns: number;
}

export function paint(terminal: Terminal, style: Style, text: string): string {
  return terminal.colour ? styleText(style, text, { validateStream: false }) : text;
}

export const GLYPH: Record<Outcome, string> = { ok: "✔", warn: "▲", failed: "✖", skipped: "–" };
export const COLOUR: Record<Outcome, Style> = { ok: "green", warn: "yellow", failed: "red", skipped: "dim" };

const NAME_COLUMNS = 18;
const SECONDS_COLUMNS = 8;
/** A table across a whole wide terminal is hard to read. */
const WIDEST = 100;
/** Indent, glyph and the margin that listr2 keeps. */
const MARGIN = 8;

/** One row in three columns, name, text and seconds, cut to one line. */
export function rowText(terminal: Terminal, row: { name: string; text: string; seconds: number }): string {
  const room = Math.max(20, Math.min(terminal.columns, WIDEST) - MARGIN - NAME_COLUMNS - SECONDS_COLUMNS);
  const name = row.name.padEnd(NAME_COLUMNS);
  const text = fit(row.text, room).padEnd(room);
  return `${name}${text}${paint(terminal, "dim", seconds(row.seconds).padStart(SECONDS_COLUMNS))}`;
}

/** A dim line below a row, cut to one line. */
export function noteText(terminal: Terminal, note: string): string {
  return paint(terminal, "dim", fit(note, Math.min(terminal.columns, WIDEST) - MARGIN));
}

export function seconds(value: number): string {
  return `${value.toFixed(1)} s`;
}

export function fit(text: string, room: number): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= room ? line : `${line.slice(0, room - 1)}…`;
}

/** Columns as wide as their widest cell, two spaces between them; the last one is not padded. */
export function table(checks: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of checks) row.forEach((cell, i) => widths[i] = Math.max(widths[i] ?? 0, width(cell)));
  return checks.map((row) =>
    row.map((cell, i) => i === row.length - 1 ? cell : cell + " ".repeat(widths[i]! - width(cell))).join("  ")
      .trimEnd()
  );
}

function width(cell: string): number {
  return stripVTControlCharacters(cell).length;
}

/** Breaks text at spaces into lines no longer than the terminal is wide, indented after the first. */
export function wrap(text: string, columns: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line && indent.length + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, line].join(`\n${indent}`);
}
