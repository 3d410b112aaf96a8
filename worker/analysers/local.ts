/** The default analyser: word lists and arithmetic. Deterministic, in-process, needs no key; some 20 µs a thought. */
import type { Dimension, Result } from "../../core/thought.ts";
import type { Analyser, Subject } from "./analyser.ts";
import {
  ACTIONS,
  DIMENSION_WORDS,
  NEGATIVE,
  POSITIVE,
  STOP_WORDS,
  TYPE_WORDS,
  URGENCY_WORDS,
} from "./words.ts";

type Type = Result["classification"]["type"];
type Urgency = Result["classification"]["urgency"];
type Tone = Result["classification"]["tone"];
type Level = Result["priority"]["level"];

export function createLocalAnalyser(): Analyser {
  return {
    name: "local",
    version: "1",
    batchSize: Number.MAX_SAFE_INTEGER,
    concurrency: 1,
    analyse: (subject) => ({ result: analyse(subject) }),
  };
}

function analyse({ text, context }: Subject): Result {
  const words = `${text} ${context ?? ""}`.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);

  const type = typeOf(counts, text);
  const urgency = urgencyOf(counts);
  const { tone, balance } = toneOf(counts);
  const value = valueOf(counts, balance);
  const keywords = keywordsOf(counts);
  return {
    classification: { type, urgency, tone },
    analysis: { summary: summaryOf(text), keywords },
    value,
    actions: ACTIONS[type].map((action) => action.replace("{topic}", keywords[0] ?? "this")),
    priority: priorityOf(type, urgency, tone, value),
  };
}

function typeOf(counts: ReadonlyMap<string, number>, text: string): Type {
  const scores = new Map<Type, number>();
  for (const [word, count] of counts) {
    const type = TYPE_WORDS.get(word);
    if (type !== undefined) scores.set(type, (scores.get(type) ?? 0) + count);
  }
  if (text.trimEnd().endsWith("?")) scores.set("question", (scores.get("question") ?? 0) + 2);
  return highest(scores) ?? "reflection";
}

function urgencyOf(counts: ReadonlyMap<string, number>): Urgency {
  let urgency: Urgency = "low";
  let rank = 0;
  for (const word of counts.keys()) {
    const found = URGENCY_WORDS.get(word);
    if (found !== undefined && found.rank > rank) ({ urgency, rank } = found);
  }
  return urgency;
}

/** The balance runs from -1 (all words with a tone are negative) to 1 (all positive). */
function toneOf(counts: ReadonlyMap<string, number>): { tone: Tone; balance: number } {
  let positive = 0;
  let negative = 0;
  for (const [word, count] of counts) {
    if (POSITIVE.has(word)) positive += count;
    else if (NEGATIVE.has(word)) negative += count;
  }
  if (positive + negative === 0) return { tone: "neutral", balance: 0 };
  const balance = (positive - negative) / (positive + negative);
  return { tone: balance > 0.3 ? "positive" : balance < -0.3 ? "negative" : "mixed", balance };
}

/** Each dimension the words touch gets the thought's tone, the stronger the more words speak of it. */
function valueOf(counts: ReadonlyMap<string, number>, balance: number): Result["value"] {
  const touched = new Map<Dimension, number>();
  for (const [word, count] of counts) {
    const dimension = DIMENSION_WORDS.get(word);
    if (dimension !== undefined) touched.set(dimension, (touched.get(dimension) ?? 0) + count);
  }
  if (touched.size === 0) touched.set("growth", 1);
  const direction = balance === 0 ? 0.5 : balance;
  return Object.fromEntries(
    [...touched].map(([dimension, count]) => [dimension, round(direction * (1 - 0.5 ** count))]),
  );
}

function keywordsOf(counts: ReadonlyMap<string, number>): string[] {
  return [...counts]
    .filter(([word]) => isTopic(word))
    .sort(([a, timesA], [b, timesB]) => timesB - timesA || b.length - a.length || (a < b ? -1 : 1))
    .slice(0, 5)
    .map(([word]) => word);
}

/** Words that say what a thought is about, not how it feels or how soon it is due. */
function isTopic(word: string): boolean {
  return word.length > 2 && word.length <= 64 && !STOP_WORDS.has(word) && !TYPE_WORDS.has(word) &&
    !URGENCY_WORDS.has(word) && !POSITIVE.has(word) && !NEGATIVE.has(word);
}

/** The first sentence, cut at a word to 200 characters. */
function summaryOf(text: string): string {
  const sentence = text.trim().match(/^[\s\S]{1,200}?(?:[.!?](?=\s|$)|\n|$)/)?.[0].trim();
  if (sentence) return sentence;
  const cut = text.trim().slice(0, 200);
  // Where there is no space the cut may go through a surrogate pair, and half of one cannot be stored.
  return `${cut.slice(0, Math.max(cut.lastIndexOf(" "), 100)).replace(/[\uD800-\uDBFF]$/, "")}…`;
}

const URGENCY_POINTS: Record<Urgency, number> = { none: 0, low: 10, medium: 30, high: 50, immediate: 70 };
const TYPE_POINTS: Record<Type, number> = {
  task: 15,
  worry: 15,
  goal: 12,
  question: 8,
  idea: 8,
  reflection: 4,
  memory: 2,
  gratitude: 2,
};

/** Points for urgency, kind, a negative tone, and each dimension of life touched; 100 at most. */
function priorityOf(type: Type, urgency: Urgency, tone: Tone, value: Result["value"]): Result["priority"] {
  const dimensions = Object.keys(value).length;
  const points = URGENCY_POINTS[urgency] + TYPE_POINTS[type] + (tone === "negative" ? 10 : 0) +
    3 * dimensions;
  const score = Math.min(100, points);
  const level: Level = score >= 75 ? "critical" : score >= 50 ? "high" : score >= 25 ? "medium" : "low";
  const touches = dimensions === 1 ? "one dimension" : `${dimensions} dimensions`;
  return {
    level,
    score,
    reason: `A ${type} of ${urgency} urgency and ${tone} tone that touches ${touches} of life`,
  };
}

function highest<K>(scores: ReadonlyMap<K, number>): K | undefined {
  let best: K | undefined;
  let most = 0;
  for (const [key, score] of scores) if (score > most) [best, most] = [key, score];
  return best;
}

const round = (value: number) => Math.round(value * 100) / 100;
