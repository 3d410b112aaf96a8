/** How much a thought matters now. */
import type { Result } from "../../../core/thought.ts";
import type { Language } from "./language.ts";

type Classification = Result["classification"];
type Level = Result["priority"]["level"];

const URGENCY_POINTS: Readonly<Record<Classification["urgency"], number>> = {
  none: 0,
  low: 10,
  medium: 30,
  high: 50,
  immediate: 70,
};
const TYPE_POINTS: Readonly<Record<Classification["type"], number>> = {
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
export function priorityOf(
  classification: Classification,
  value: Result["value"],
  language: Language,
): Result["priority"] {
  const { type, urgency, tone } = classification;
  const dimensions = Object.keys(value).length;
  const points = URGENCY_POINTS[urgency] + TYPE_POINTS[type] + (tone === "negative" ? 10 : 0) +
    3 * dimensions;
  const score = Math.min(100, points);
  const level: Level = score >= 75 ? "critical" : score >= 50 ? "high" : score >= 25 ? "medium" : "low";
  const article = type === "idea" ? "An" : "A";
  const sentence = `${article} ${type} of ${urgency === "none" ? "no" : urgency} urgency and ${tone} tone`;
  if (language.code !== "en") {
    return {
      level,
      score,
      reason: `${sentence}, as far as this analyser, made for English, reads ${language.name}`,
    };
  }
  if (dimensions === 0) return { level, score, reason: sentence };
  const touches = dimensions === 1 ? "one dimension" : `${dimensions} dimensions`;
  return { level, score, reason: `${sentence} that touches ${touches} of life` };
}

/** Of a person who speaks of ending or hurting themselves; nothing comes before it. */
export const CRISIS_PRIORITY: Result["priority"] = {
  level: "critical",
  score: 100,
  reason: "It speaks of self-harm, and someone should be there now",
};
