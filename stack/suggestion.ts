/** Suggests the name that a mistyped one was meant to be. */
import { closest, distance } from "fastest-levenshtein";

/** Two letters wrong, or one in a short word. */
const MOST_EDITS = 2;

/** @returns "did you mean …?", or nothing when no known name is close */
export function suggestion(word: string, known: readonly string[]): string[] {
  if (known.length === 0) return [];
  const name = closest(word, known);
  const edits = distance(word, name);
  return edits <= MOST_EDITS && edits < name.length / 2 ? [`did you mean ${name}?`] : [];
}
