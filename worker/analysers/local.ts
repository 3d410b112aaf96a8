/**
 * The default analyser: wink-nlp's reading of the text, and rules over it. English; other languages are only
 * named. Deterministic, in-process, needs no key.
 */
import type { Result } from "../../core/thought.ts";
import type { Analyser, Subject } from "./analyser.ts";
import { actionsFor, CRISIS_ACTION } from "./local/actions.ts";
import { isCrisis } from "./local/crisis.ts";
import { ENGLISH, type Language, languageOf } from "./local/language.ts";
import { typeIn } from "./local/other_language.ts";
import { CRISIS_PRIORITY, priorityOf } from "./local/priority.ts";
import { read } from "./local/reading.ts";
import { summaryOf } from "./local/summary.ts";
import { feelingsOf, toneOf } from "./local/tone.ts";
import { topicsOf } from "./local/topics.ts";
import { typeOf } from "./local/type.ts";
import { urgencyOf, USUAL_URGENCY } from "./local/urgency.ts";
import { valueOf } from "./local/value.ts";

type Type = Result["classification"]["type"];
type Tone = Result["classification"]["tone"];

export function createLocalAnalyser(): Analyser {
  return {
    name: "local",
    version: "2",
    batchSize: Number.MAX_SAFE_INTEGER,
    concurrency: 1,
    analyse: (subject) => ({ result: analyse(subject) }),
  };
}

function analyse({ text, context }: Subject): Result {
  if (isCrisis(text)) return crisis(text);
  const language = languageOf(text);
  if (language !== ENGLISH) return inOtherLanguage(text, language);

  const sentences = read(text);
  const { tone: felt, balance } = toneOf(feelingsOf(sentences));
  const type = typeOf(sentences, felt);
  const tone = toneFor(type, felt);
  const classification = { type, urgency: urgencyOf(type, sentences), tone };
  const topics = topicsOf(sentences);
  const around = context === null ? sentences : [...sentences, ...read(context)];
  const value = valueOf(
    around,
    tone === "negative" ? -0.5 : tone === "positive" ? Math.max(balance, 0.5) : 0,
  );
  return {
    classification,
    analysis: { summary: summaryOf(text), keywords: topics.map(({ phrase }) => phrase) },
    value,
    actions: actionsFor(type, classification.urgency, topics[0]),
    priority: priorityOf(classification, value, language),
  };
}

/** Questions, plans and tasks have no tone, whatever their words; a worry is never positive. */
function toneFor(type: Type, felt: Tone): Tone {
  if (type === "gratitude") return "positive";
  if (type === "worry") return felt === "mixed" ? "mixed" : "negative";
  if (type === "reflection" || type === "memory") return felt;
  if (type === "goal" && felt === "positive") return felt;
  return "neutral";
}

function crisis(text: string): Result {
  return {
    classification: { type: "worry", urgency: "immediate", tone: "negative" },
    analysis: { summary: summaryOf(text), keywords: [] },
    value: {},
    actions: [CRISIS_ACTION],
    priority: CRISIS_PRIORITY,
  };
}

function inOtherLanguage(text: string, language: Language): Result {
  const type = typeIn(language, text);
  const felt: Tone = type === "gratitude" ? "positive" : type === "worry" ? "negative" : "neutral";
  const classification = { type, urgency: USUAL_URGENCY[type], tone: felt };
  return {
    classification,
    analysis: { summary: summaryOf(text), keywords: [] },
    value: {},
    actions: actionsFor(type, classification.urgency, undefined),
    priority: priorityOf(classification, {}, language),
  };
}
