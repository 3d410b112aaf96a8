/**
 * What determines a thought's cached analysis: its text and context, without the details that people rarely
 * repeat.
 */
import { hash } from "node:crypto";

export interface Subject {
  readonly text: string;
  readonly context: string | null;
}

/**
 * The same for texts that differ only in case, spaces, Unicode form and closing punctuation; reveals nothing
 * of them.
 */
export function subjectHash({ text, context }: Subject): string {
  const alike = [normalised(text), context === null ? null : normalised(context)];
  return hash("sha256", JSON.stringify(alike), "hex"); // hex: the fastest
}

const ODD_SPACES = /\s{2}|[^\S ]/;

/** A question mark stays: it decides what a thought is. */
export function normalised(text: string): string {
  const lower = text.normalize("NFKC").toLowerCase();
  const plain = (ODD_SPACES.test(lower) ? lower.replaceAll(/\s+/g, " ") : lower).trim();
  const end = /[\s.!,;:\u2026?]+$/u.exec(plain)?.[0] ?? "";
  const kept = plain.slice(0, plain.length - end.length) + (end.includes("?") ? "?" : "");
  return kept === "" ? text : kept;
}
