/** The default analyser: word lists and arithmetic. Deterministic, in-process, needs no key; some 6 µs a thought. */
import type { Dimension, Result } from "../../core/thought.ts";
import type { Analyser, Subject } from "./analyser.ts";
import { ACTIONS, meaningOf } from "./words.ts";

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
  const words = (context === null ? text : `${text} ${context}`).toLowerCase().match(/[\p{L}\p{N}']+/gu) ??
    [];
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);

  const types = new Map<Type, number>();
  const touched = new Map<Dimension, number>();
  const topics: Topic[] = [];
  let [urgency, rank]: [Urgency, number] = ["low", 0];
  let [positive, negative] = [0, 0];
  for (const [word, times] of counts) {
    const meaning = meaningOf(word);
    if (meaning === undefined || meaning.topic) addTopic(topics, { word, times });
    if (meaning === undefined) continue;
    if (meaning.type !== undefined) add(types, meaning.type, times);
    if (meaning.dimension !== undefined) add(touched, meaning.dimension, times);
    if (meaning.urgency !== undefined && meaning.urgency.rank > rank) ({ urgency, rank } = meaning.urgency);
    if (meaning.tone === "positive") positive += times;
    if (meaning.tone === "negative") negative += times;
  }

  if (text.trimEnd().endsWith("?")) add(types, "question", 2);
  const type = highest(types) ?? "reflection";
  const { tone, balance } = toneOf(positive, negative);
  const value = valueOf(touched, balance);
  const topic = topics[0]?.word ?? "this";
  return {
    classification: { type, urgency, tone },
    analysis: { summary: summaryOf(text), keywords: topics.map(({ word }) => word) },
    value,
    actions: ACTIONS[type].map((action) => action.replace("{topic}", () => topic)),
    priority: priorityOf(type, urgency, tone, value),
  };
}

/** The balance runs from -1 (all words with a tone are negative) to 1 (all positive). */
function toneOf(positive: number, negative: number): { tone: Tone; balance: number } {
  if (positive + negative === 0) return { tone: "neutral", balance: 0 };
  const balance = (positive - negative) / (positive + negative);
  return { tone: balance > 0.3 ? "positive" : balance < -0.3 ? "negative" : "mixed", balance };
}

/** Each dimension the words touch gets the thought's tone, the stronger the more words speak of it. */
function valueOf(touched: Map<Dimension, number>, balance: number): Result["value"] {
  if (touched.size === 0) touched.set("growth", 1);
  const direction = balance === 0 ? 0.5 : balance;
  const value: Partial<Record<Dimension, number>> = {};
  for (const [dimension, times] of touched) value[dimension] = round(direction * (1 - 0.5 ** times));
  return value;
}

interface Topic {
  readonly word: string;
  readonly times: number;
}

/** Keywords of a result. */
const MAX_TOPICS = 5;

/** Puts a word in its place among the leading topics: the most frequent first, then the longest, then by alphabet. */
function addTopic(topics: Topic[], topic: Topic): void {
  if (topic.word.length <= 2 || topic.word.length > 64) return;
  let place = topics.length;
  while (place > 0 && precedes(topic, topics[place - 1]!)) place--;
  if (place === MAX_TOPICS) return;
  topics.splice(place, 0, topic);
  if (topics.length > MAX_TOPICS) topics.pop();
}

function precedes(a: Topic, b: Topic): boolean {
  return (a.times - b.times || a.word.length - b.word.length || (a.word < b.word ? 1 : -1)) > 0;
}

function add<K>(counts: Map<K, number>, key: K, times: number): void {
  counts.set(key, (counts.get(key) ?? 0) + times);
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
