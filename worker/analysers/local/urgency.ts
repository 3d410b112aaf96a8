/** How soon something in a thought has to be done. */
import type { Result } from "../../../core/thought.ts";
import { isInDanger } from "./danger.ts";
import type { Sentence } from "./reading.ts";
import type { Type } from "./type.ts";

export type Urgency = Result["classification"]["urgency"];

/** The urgency of a kind of thought that names no time. */
export const USUAL_URGENCY: Readonly<Record<Type, Urgency>> = {
  task: "low",
  worry: "medium",
  question: "low",
  goal: "low",
  idea: "none",
  reflection: "none",
  memory: "none",
  gratitude: "none",
};

export function urgencyOf(type: Type, sentences: readonly Sentence[]): Urgency {
  const usual = USUAL_URGENCY[type];
  // "Today" and "last night" in tales and memories are not deadlines.
  if (type === "memory" || type === "gratitude" || type === "reflection") return usual;
  if (isInDanger(sentences)) return "immediate";
  if (type === "idea" || type === "goal") return usual;
  let urgency = usual;
  for (const { lemmas, dates } of sentences) {
    if (AT_ONCE.test(lemmas)) urgency = latest(urgency, type === "task" ? "immediate" : "high");
    if (SOON.test(lemmas)) urgency = latest(urgency, "high");
    if (type !== "task") continue;
    if (SOME_DAY.test(lemmas)) return "none";
    if (dates.some((date) => TODAY.test(date))) urgency = latest(urgency, "high");
    else if (dates.length > 0 || DUE.test(lemmas)) urgency = latest(urgency, "medium");
  }
  return urgency;
}

const ORDER: readonly Urgency[] = ["none", "low", "medium", "high", "immediate"];
const latest = (a: Urgency, b: Urgency) => ORDER[Math.max(ORDER.indexOf(a), ORDER.indexOf(b))]!;

const AT_ONCE =
  /\b(?:right now|immediately|wake up the|at once|urgent|urgently|this (?:minute|second|instant))\b|(?<!by |until )\bnow$/;
const SOON =
  /\b(?:asap|overdue|blood in|be down|outage|in (?:a|an|one|half an|\w+) (?:hour|minute)|or (?:we|i|they) (?:will )?(?:lose|miss|be fine)|last chance|have not (?:answer|reply|come home)|deadline be (?:today|tomorrow))\b/;
const SOME_DAY =
  /\b(?:some ?day|one (?:day|of these day)|eventually|at some point|when(?:ever)? (?:i|we) have time|no rush|no hurry)\b/;
const TODAY = /\b(?:today|tonight|now|this (?:morning|afternoon|evening)|noon|midnight)\b/;
const DUE = /\b(?:due|before|by|until|tomorrow|deadline|this week|soon)\b/;
