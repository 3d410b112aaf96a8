/** The next steps proposed for a thought. */
import type { Topic } from "./topics.ts";
import type { Type } from "./type.ts";
import type { Urgency } from "./urgency.ts";

export function actionsFor(type: Type, urgency: Urgency, topic: Topic | undefined): string[] {
  if (urgency === "immediate") return [...AT_ONCE];
  return STEPS[type].map((step) => step.replace("{topic}", () => topic?.spoken ?? "this"));
}

/**
 * The one line for a person who speaks of ending or hurting themselves. No number: it would be another
 * country's.
 */
export const CRISIS_ACTION =
  "Talk to someone now: a person you trust, a crisis help line where you live, or the emergency services";

const AT_ONCE = [
  "Do it now, or hand it to someone who can",
  "If anyone is in danger, call the emergency services first",
];

/** By kind of thought; `{topic}` is what it is about, as said to the writer. */
const STEPS: Readonly<Record<Type, readonly string[]>> = {
  task: ["Set a day and a time for {topic}", "Do the first two minutes of it now"],
  idea: ["Write three sentences about {topic}", "Name the smallest experiment that would test the idea"],
  question: ["Write down what you already know about {topic}", "Ask one person who has answered it before"],
  worry: ["Name what you can influence about {topic}", "Choose one small step and a time for it"],
  goal: ["Write down what {topic} would change for you", "Plan the first step for this week"],
  memory: ["Note why {topic} stayed with you", "Share it with someone who was there"],
  gratitude: ["Tell someone about {topic}", "Note what made it possible"],
  reflection: ["Sum up what you think about {topic} in one sentence", "Decide whether it asks for a change"],
};
