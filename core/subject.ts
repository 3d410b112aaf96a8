/** What decides which cached analysis a thought finds: its text and context, less what people hardly ever write twice. */
import { hash } from "node:crypto";

export interface Subject {
  readonly text: string;
  readonly context: string | null;
}

/** The same for texts that are alike but for case, spaces, Unicode form and closing marks; tells nothing of them. */
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
