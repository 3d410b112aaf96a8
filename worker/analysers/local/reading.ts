/**
 * A text as wink-nlp reads it: sentences of words with part of speech, lemma and negation, and the dates
 * named.
 */
import model from "wink-eng-lite-web-model";
import winkNLP, { type ItsFunction, type PartOfSpeech, type WinkMethods } from "wink-nlp";

export interface Word {
  /** As written. */
  readonly text: string;
  /** In lower case and American spelling. */
  readonly normal: string;
  readonly lemma: string;
  readonly pos: PartOfSpeech;
  /** Whether it is in the scope of a negation: `happy` in "I am not happy". */
  readonly negated: boolean;
  /** The white space before it. */
  readonly space: string;
}

export interface Sentence {
  readonly words: readonly Word[];
  /** The lemmas between single spaces, without punctuation: what the cues are matched with. */
  readonly lemmas: string;
  /** Dates and times of day named, in lower case. */
  readonly dates: readonly string[];
  readonly isQuestion: boolean;
  readonly isExclamation: boolean;
}

/** Reads the beginning of an English text. Its first call loads the model, about 0.1 s. */
export function read(text: string): Sentence[] {
  const wink = loaded();
  const { its } = wink;
  const doc = wink.readDoc(readable(text));
  const tokens = doc.tokens();
  // The package's property types contradict one another.
  const out = <T>(property: (...args: never[]) => T) => tokens.out(property as ItsFunction<T>) as T[];
  const texts = out(its.value);
  const normals = out(its.normal);
  const lemmas = out(its.lemma);
  const tags = out(its.pos);
  const negations = out(its.negationFlag);
  const spaces = out(its.precedingSpaces);
  forgetIfFull(out(its.uniqueId));

  const dates = doc.entities();
  const datesAt = dates.out(its.span) as unknown as [number, number][];
  const details = dates.out(its.detail) as unknown as { value: string; type: string }[];
  const spans = doc.sentences().out(its.span) as unknown as [number, number][];
  return spans.map(([start, end]) => {
    const words: Word[] = [];
    for (let at = start; at <= end; at++) {
      words.push({
        text: texts[at]!,
        normal: normals[at]!,
        lemma: lemmas[at]!,
        pos: tags[at]!,
        negated: negations[at]!,
        space: spaces[at]!,
      });
    }
    const ending = words.slice(-3).map((word) => word.text).join("");
    return {
      words,
      lemmas: lemmasOf(words),
      dates: details
        .filter(({ type }, at) => isTime(type) && datesAt[at]![0] >= start && datesAt[at]![0] <= end)
        .map(({ value }) => value.toLowerCase()),
      isQuestion: ending.includes("?"),
      isExclamation: ending.includes("!"),
    };
  });
}

const isTime = (type: string) => type === "DATE" || type === "TIME";

function lemmasOf(words: readonly Word[]): string {
  return words.slice(0, MAX_SENTENCE_WORDS)
    .filter(({ pos }) => pos !== "PUNCT" && pos !== "SYM")
    .map(({ lemma }) => lemma.toLowerCase())
    .join(" ");
}

/**
 * Whether a word by itself can be a verb in its base form, however it was tagged at the start of a sentence.
 */
export function canBeVerb(word: string): boolean {
  return tagAfter("to", word) === "VERB";
}

/** Whether a word that begins a sentence is known as a name. */
export function isName(word: string): boolean {
  return tagAfter("the", word) === "PROPN";
}

const tags = new Map<string, PartOfSpeech>();
/** Enough for the words that sentences usually begin with. */
const MAX_TAGS = 5_000;

function tagAfter(before: string, word: string): PartOfSpeech {
  const phrase = `${before} ${word.toLowerCase()}`;
  let tag = tags.get(phrase);
  if (tag === undefined) {
    const wink = loaded();
    tag = (wink.readDoc(phrase).tokens().out(wink.its.pos) as PartOfSpeech[])[1] ?? "X";
    if (tags.size >= MAX_TAGS) tags.clear();
    tags.set(phrase, tag);
  }
  return tag;
}

let nlp: WinkMethods | undefined;
let known = 0;

function loaded(): WinkMethods {
  return nlp ??= winkNLP(model, ["sbd", "pos", "negation", "ner"]);
}

/**
 * wink-nlp keeps every word it has ever met (some 130 bytes each), and its tokens have room for a million. It
 * knows 87,593 when loaded; at this many it is reloaded.
 */
const MAX_WORDS = 120_000;

function forgetIfFull(ids: readonly number[]): void {
  for (const id of ids) known = Math.max(known, id);
  if (known < MAX_WORDS) return;
  nlp = undefined;
  known = 0;
}

/** Words the model holds, as far as it has used them. */
export const knownWords = (): number => known;

/** The kind of a thought shows well before this many characters; the rest is not read. */
const MAX_CHARS = 4_000;

/** Longer sentences are lists or noise, and matching cues in them would take long. */
const MAX_SENTENCE_WORDS = 100;

/**
 * Its tokenizer takes quadratic time over a run without spaces: 0.25 s for 10,000 characters. No word is this
 * long.
 */
const MAX_RUN = 60;

/** The model takes "I'm" for a name, and does not know colloquial spellings. */
const SPOKEN: readonly (readonly [RegExp, string])[] = [
  [/’/g, "'"],
  [/\bi'?m\b/gi, "I am"],
  [/\bgonna\b/gi, "going to"],
  [/\bwanna\b/gi, "want to"],
  [/\bgotta\b/gi, "have to"],
];

function readable(text: string): string {
  let written = text.slice(0, MAX_CHARS).replace(/\S{61,}/g, (run) => run.slice(0, MAX_RUN));
  for (const [pattern, replacement] of SPOKEN) written = written.replace(pattern, replacement);
  return written.toWellFormed();
}
