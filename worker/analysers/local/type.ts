/** What kind of thought a text is, by its phrases and the form of its sentences. */
import type { Result } from "../../../core/thought.ts";
import { CUES } from "./cues.ts";
import { isInDanger } from "./danger.ts";
import { formsOf, isPast } from "./form.ts";
import type { Sentence } from "./reading.ts";
import type { Tone } from "./tone.ts";

export type Type = Result["classification"]["type"];

/** The kind with the most points; a reflection if there are none. */
export function typeOf(sentences: readonly Sentence[], tone: Tone): Type {
  const points = new Map<Type, number>([["reflection", 1]]);
  const add = (type: Type, more: number) => points.set(type, (points.get(type) ?? 0) + more);
  sentences.slice(0, MAX_SENTENCES).forEach((sentence, at) => {
    for (const [type, weight, phrase] of CUES) {
      // Asking whether one wants it is not wanting it.
      if (type === "goal" && sentence.isQuestion) continue;
      if (phrase.test(sentence.lemmas)) add(type, weight);
    }
    for (const [type, weight] of formsOf(sentence, tone)) {
      // What a thought begins with is what it is; what follows explains it.
      add(type, at === 0 ? weight : weight / 2);
    }
  });
  if (isInDanger(sentences)) add("worry", 3);
  if (tone === "negative") {
    add("worry", isAboutOthers(sentences[0]!) ? 1.5 : 0.5);
    if (sentences.some(({ lemmas }) => /\bwhat if\b/.test(lemmas))) add("worry", 5);
  }
  if (tone === "positive" || tone === "mixed") add("worry", tone === "positive" ? -2 : -1);
  return ORDER.reduce((best, type) => (points.get(type) ?? 0) > (points.get(best) ?? 0) ? type : best);
}

/** A longer thought has shown its kind. */
const MAX_SENTENCES = 40;

/** The first of those with equal points. */
const ORDER: readonly Type[] = [
  "worry",
  "gratitude",
  "memory",
  "idea",
  "goal",
  "question",
  "task",
  "reflection",
];

/** Whether it tells how someone or something else is; in the past tense only if it happened again. */
function isAboutOthers({ words, lemmas }: Sentence): boolean {
  if (/^(?:i|we|feel|feeling|not)\b/.test(lemmas)) return false;
  if (/^(?:ADJ|VERB|AUX)$/.test(words[0]!.pos) || !words.some(({ pos }) => pos === "VERB" || pos === "AUX")) {
    return false;
  }
  return !isPast(words) || /\b(?:again|keep|still|since)\b/.test(lemmas);
}
