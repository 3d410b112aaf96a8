/**
 * What the form of a sentence says about the kind of thought: a question, an order, a list, a fragment, a
 * tale.
 */
import { canBeVerb, type Sentence, type Word } from "./reading.ts";
import type { Tone } from "./tone.ts";
import type { Type } from "./type.ts";

type Vote = readonly [Type, number];

/** What the form of a sentence indicates, with its points. */
export function formsOf(sentence: Sentence, tone: Tone): Vote[] {
  const { words, isQuestion, lemmas } = sentence;
  const votes: Vote[] = [];
  if (isQuestion || ASKS.test(lemmas)) votes.push(["question", 4]);
  votes.push(...orderOf(sentence, tone));
  // "An app that …", "a bench made of …": names a thing that does not exist yet.
  if (/^(?:a|an) /.test(lemmas) && words.length > 3 && !hasMainVerb(words)) votes.push(["idea", 3]);
  if (!isQuestion && isPast(words)) votes.push(...taleOf(sentence));
  return votes;
}

/** Orders to oneself, lists and appointments. */
function orderOf({ words, lemmas, dates }: Sentence, tone: Tone): Vote[] {
  const clauses = clausesOf(words);
  // "Read twenty books this year" asks for more than an errand does.
  if (isImperative(clauses[0] ?? [])) return [LONG.test(lemmas) ? ["goal", 5] : ["task", 4]];
  if (clauses.slice(1).some(isImperative)) return [["task", 3]];
  if (APPOINTMENT.test(lemmas) && dates.length > 0 && words[0]!.pos === "NOUN") return [["task", 4]];
  if (tone !== "neutral" || words.some(isAnyVerb)) return [];
  if (dates.length > 0 || isList(clauses)) return [["task", 3]];
  return NO_NOTE.test(lemmas) ? [] : [["task", 1.5]];
}

/** Tales of the distant past. */
function taleOf({ lemmas, dates }: Sentence): Vote[] {
  const votes: Vote[] = [];
  if (THAT_TIME.test(lemmas)) votes.push(["memory", 3]);
  if (ONCE.test(lemmas)) votes.push(["memory", 3]);
  if (LONG_AGO.test(lemmas)) votes.push(["memory", 3]);
  else if (/\b(?:always|every \w+)\b/.test(lemmas) && !/\btoday\b/.test(lemmas)) votes.push(["memory", 2]);
  else if (ELDERS.test(lemmas) && dates.length === 0 && !/\b(?:again|since)\b/.test(lemmas)) {
    votes.push(["memory", 1]);
  }
  return votes;
}

const THAT_TIME =
  /\bthe (?:first time|first day|time|day|night|evening|summer|year|winter|spring) (?:when |that )?(?:i|we|he|she|my|our|mom|dad|after|before|of)\b/;
const ONCE =
  /^once\b|^(?:we|i) have an? (?:\w+ ){1,2}(?:call|who|name)\b|\bone (?:summer|winter|night|day|evening|christmas|afternoon)\b/;
const LONG_AGO = /\b(?:years?|months?|summer|winter) ago\b|\bin (?:19|20)\d\d\b/;
/** Beginnings of fragments that are not tasks. */
const NO_NOTE = /^(?:a|an|that|those|no|not|another|just|what|how|so) |\bwhen\b/;

/** Questions that lack their mark. */
const ASKS =
  /^(?:(?:(?:what|which|whose|how (?:many|much))(?: \w+){0,2}|how(?: (?:long|often|far|soon|old|big))?|when|where|why|who) (?:be|do|can|will|should|could|would|have)|(?:be|do|can|could|would|will|should) (?:i|you|we|he|she|it|they|anyone|someone|anybody|there|this|that|the|my|our)|have (?:i|you|we|he|she|they|anyone|someone|anybody)) /;

const LONG =
  /\b(?:minute|time|page|glass|hour|book)s? (?:a|every|per) (?:day|week|night|month)\b|\bevery meal\b|\bfrom now on\b|\bby next (?:summer|year|spring|winter|christmas)\b|\b(?:this|next|every|a) year\b|\bevery (?:day|week|month|morning)\b|\bby the end of the year\b|\bmore often\b|\b(?:some ?|one )day\b/;
const APPOINTMENT =
  /\b(?:dentist|doctor|appointment|meeting|interview|bin|class|lesson|call|exam|party|dinner|lunch)\b/;

const ELDERS =
  /\b(?:brother|sister|cousin) and i\b|^(?:my |our )?(?:grand\w+|mother|father|mom|dad|aunt|uncle|teacher)\b/;

/** The stretches between commas, colons and the like. */
export function clausesOf(words: readonly Word[]): Word[][] {
  const clauses: Word[][] = [[]];
  for (const word of words) {
    if (word.pos === "PUNCT" && word.text !== "-") clauses.push([]);
    else clauses.at(-1)!.push(word);
  }
  return clauses.filter((clause) => clause.length > 0);
}

/** "milk, bread, bin bags" */
function isList(clauses: readonly Word[][]): boolean {
  return clauses.length > 2 &&
    clauses.every((clause) => clause.length < 4 && clause.every(({ pos }) => LISTED.has(pos)));
}
const LISTED: ReadonlySet<Word["pos"]> = new Set(["NOUN", "PROPN", "ADJ", "NUM", "CCONJ", "DET", "ADP"]);

/** Whether a clause is an order: its first word is a verb in its base form. */
export function isImperative(clause: readonly Word[]): boolean {
  const at = clause.findIndex(({ pos, lemma }) => !OPENERS.has(lemma) && pos !== "INTJ" && pos !== "SYM");
  const first = clause[at];
  const next = clause[at + 1];
  if (first === undefined || NOT_ORDERS.has(first.lemma)) return false;
  if (first.lemma === "let" && /^(?:us|'s|it)$/.test(next?.normal ?? "")) return false;
  if (first.pos === "VERB") return first.normal === first.lemma && next?.normal !== "i";
  if (first.normal !== first.lemma || next === undefined) return false;
  if (first.pos === "AUX") return first.lemma === "do" && next.lemma === "not";
  if (first.pos !== "NOUN" && first.pos !== "PROPN" && first.pos !== "ADJ") return false;
  // "Water the tomatoes", "reply to Dana": a noun would need something else after it.
  if (next.pos === "DET" || (next.pos === "PRON" && next.normal !== "i") || PARTICLES.has(next.lemma)) {
    return isVerb(first);
  }
  if (first.pos === "NOUN" && next.pos === "NOUN" && next.normal !== next.lemma) return isVerb(first);
  if (/ing$/.test(next.normal) && clause[at + 2]?.pos === "NOUN") return isVerb(first);
  // "Book flights", "check tyre pressure": an order if it would be the clause's only verb.
  return !clause.some(isAnyVerb) &&
    (next.pos === "NOUN" || next.pos === "PROPN" || next.pos === "ADJ" || next.pos === "NUM") &&
    isVerb(first);
}

const isVerb = ({ text, lemma }: Word) => VERBS.has(lemma) || canBeVerb(text);
/** Modern verbs that the model knows only as nouns. */
const VERBS: ReadonlySet<string> = new Set(["text", "google", "message", "refill"]);

const OPENERS: ReadonlySet<string> = new Set(
  "please ok okay also just then and first so to finally urgent someday today tomorrow tonight".split(" "),
);
const PARTICLES: ReadonlySet<string> = new Set(
  "to up out back off for with away about through down".split(" "),
);
/** Verbs that begin a note about the writer, whose "I" is left out: "Feel awful", "Love this song". */
const NOT_ORDERS: ReadonlySet<string> = new Set(
  ("thank feel love hate miss wish hope guess think want need like imagine remember remind know wonder believe suppose " +
    "dream bless dear happen seem hear sound smell enjoy be have rain").split(" "),
);

/** Whether there is a verb before a relative clause begins. */
function hasMainVerb(words: readonly Word[]): boolean {
  const end = words.findIndex(({ lemma }) => RELATIVE.test(lemma));
  return (end === -1 ? words : words.slice(0, end)).some(isAnyVerb);
}
const RELATIVE = /^(?:that|which|who|where|for|about|of|with|make|shape|build)$/;

const isAnyVerb = ({ pos }: Word) => pos === "VERB" || pos === "AUX";

/** Whether its first finite verb is in the past. */
export function isPast(words: readonly Word[]): boolean {
  const finite = words.find((word, at) =>
    isAnyVerb(word) && !word.normal.endsWith("ing") && words[at - 1]?.normal !== "to"
  );
  if (finite === undefined || finite.normal === finite.lemma) return false;
  return (!finite.normal.endsWith("s") || finite.normal === "was") && !PRESENT.has(finite.normal);
}
const PRESENT: ReadonlySet<string> = new Set(["am", "are", "'m", "'re", "'ve", "'d", "'ll", "ca", "wo"]);
