/** Which language a text is written in. */
import { eld } from "eld/extrasmall";

/** ISO 639-1, and its English name. */
export interface Language {
  readonly code: string;
  readonly name: string;
}

export const ENGLISH: Language = { code: "en", name: "English" };

/**
 * Another language must be this much likelier than English; below it, names and fragments are mistaken for
 * Estonian.
 */
const MARGIN = 0.15;

/** Two words that no other language has identify English at a hundredth of the detector's cost. */
const IS_ENGLISH =
  /\b(?:the|my|with|this|have|what|how|would|they|should|i'm|don't)\b.*\b(?:the|my|with|this|have|what|how|would|they|should|and|of|to|is|i'm|don't)\b/i;

/** Enough to identify a language. */
const MAX_CHARS = 500;

/**
 * The language of a text; English where that is in doubt. One or two words in Latin letters say too little to
 * be anything else.
 */
export function languageOf(text: string): Language {
  const words = text.match(/\p{L}+/gu)?.length ?? 0;
  if (words === 0 || (words < 3 && /^[\P{L}\p{Script=Latin}]*$/u.test(text))) return ENGLISH;
  if (IS_ENGLISH.test(text.slice(0, MAX_CHARS))) return ENGLISH;
  const detected = eld.detect(text.slice(0, MAX_CHARS));
  const { language } = detected;
  if (language === "" || language === ENGLISH.code || !detected.isReliable()) return ENGLISH;
  const scores = detected.getScores();
  if (scores[language]! - (scores[ENGLISH.code] ?? 0) < MARGIN) return ENGLISH;
  return { code: language, name: NAMES.of(language) ?? language };
}

const NAMES = new Intl.DisplayNames(["en"], { type: "language" });
