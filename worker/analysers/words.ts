/** The word lists of the local analyser. English; lower case. {@link meaningOf} has all of them in one look-up. */
import type { Dimension, Result } from "../../core/thought.ts";

type Type = Result["classification"]["type"];
type Urgency = Result["classification"]["urgency"];

/** Turns lists by meaning into a look-up by word. */
function byWord<M>(lists: readonly (readonly [M, string])[]): ReadonlyMap<string, M> {
  return new Map(
    lists.flatMap(([meaning, words]) => words.split(" ").map((word) => [word, meaning] as const)),
  );
}

const TYPE_WORDS = byWord<Type>([
  [
    "task",
    "todo must need needs buy call send finish fix pay book schedule submit email reply clean prepare remember",
  ],
  ["idea", "idea imagine maybe could invent concept build design prototype perhaps brainstorm app"],
  ["question", "why how what when where who which wonder wondering whether"],
  ["worry", "worry worried afraid anxious nervous fear scared stress stressed overwhelmed concerned panic"],
  ["goal", "goal want plan aim achieve become learn improve save train resolution target dream"],
  ["memory", "remembered yesterday childhood used ago once nostalgia recall memories"],
  ["gratitude", "grateful thankful thanks appreciate blessed gratitude lucky"],
  ["reflection", "think feel felt realise realize realised realized noticed believe seems"],
]);

const URGENCY_WORDS = byWord<{ readonly urgency: Urgency; readonly rank: number }>([
  [{ urgency: "immediate", rank: 4 }, "now immediately urgent asap emergency critical"],
  [{ urgency: "high", rank: 3 }, "today tonight deadline overdue soon quickly"],
  [
    { urgency: "medium", rank: 2 },
    "tomorrow week weekend monday tuesday wednesday thursday friday saturday sunday",
  ],
  [{ urgency: "none", rank: 1 }, "someday eventually whenever yesterday ago"],
]);

const POSITIVE: ReadonlySet<string> = new Set(
  ("good great happy love excited wonderful amazing excellent enjoy enjoyed glad proud calm hopeful better best " +
    "success grateful thankful beautiful fun joy peaceful inspired confident win won progress lucky").split(
      " ",
    ),
);

const NEGATIVE: ReadonlySet<string> = new Set(
  ("bad sad angry hate terrible awful worried worry anxious afraid tired exhausted stress stressed fail failed " +
    "failing problem pain lonely lost worse worst fear scared overwhelmed frustrated upset sick hurt panic")
    .split(" "),
);

const DIMENSION_WORDS = byWord<Dimension>([
  [
    "health",
    "health sleep exercise run running gym doctor dentist diet eat food tired sick pain medicine walk weight",
  ],
  [
    "relationships",
    "friend friends family mother father mum mom dad partner wife husband son daughter love kids",
  ],
  [
    "career",
    "work job boss career project meeting colleague deadline office client promotion interview team report",
  ],
  [
    "finances",
    "money pay budget save saving savings bank debt loan rent mortgage invest tax bill bills price buy",
  ],
  [
    "growth",
    "learn learning read book course study skill language practice improve write writing habit meditate",
  ],
  [
    "leisure",
    "holiday vacation trip travel game games music film movie garden hobby fun play guitar concert beach",
  ],
  ["community", "community neighbour neighbor volunteer charity vote school church club help city"],
  [
    "environment",
    "environment climate nature energy recycle plastic tree trees forest river waste home house",
  ],
]);

const STOP_WORDS: ReadonlySet<string> = new Set(
  ("the and for are but not you your all any can had her was one our out has him his how its may new now old see two " +
    "way who did get let put say she too use that with have this will from they know want been good much some time " +
    "very when come here just like long make many more only over such take than them well were what i'm it's don't " +
    "about after again could every first into most need needs other should there their then these think thing those " +
    "through under until where which while would must today tomorrow really maybe because").split(" "),
);

/** What a word tells of the thought it stands in. */
export interface Meaning {
  readonly type: Type | undefined;
  /** Of several the one with the highest rank counts. */
  readonly urgency: { readonly urgency: Urgency; readonly rank: number } | undefined;
  readonly tone: "positive" | "negative" | undefined;
  readonly dimension: Dimension | undefined;
  /** False for words that say how a thought feels, how soon it is due, or nothing. */
  readonly topic: boolean;
}

const MEANINGS: ReadonlyMap<string, Meaning> = new Map(
  [TYPE_WORDS, URGENCY_WORDS, POSITIVE, NEGATIVE, DIMENSION_WORDS, STOP_WORDS]
    .flatMap((list) => [...list.keys()])
    .map((word) => [word, {
      type: TYPE_WORDS.get(word),
      urgency: URGENCY_WORDS.get(word),
      tone: POSITIVE.has(word) ? "positive" : NEGATIVE.has(word) ? "negative" : undefined,
      dimension: DIMENSION_WORDS.get(word),
      topic: ![TYPE_WORDS, URGENCY_WORDS, POSITIVE, NEGATIVE, STOP_WORDS].some((list) => list.has(word)),
    }]),
);

/** The meaning of a word in lower case; undefined for a word of no list, which can only be a topic. */
export function meaningOf(word: string): Meaning | undefined {
  return MEANINGS.get(word);
}

/** Next steps by type; `{topic}` is the leading keyword. */
export const ACTIONS: Record<Type, readonly string[]> = {
  task: ["Put {topic} on today's list with a time", "Do the first two minutes of it now"],
  idea: ["Write {topic} down in three sentences", "Name the smallest experiment that would test it"],
  question: ["Write down what you already know about {topic}", "Ask one person who has answered it before"],
  worry: ["Name what about {topic} you can influence", "Choose one small step and a time for it"],
  goal: ["State {topic} as something you can measure", "Plan the first step for this week"],
  memory: ["Note what made {topic} stay with you", "Share it with someone who was there"],
  gratitude: ["Tell someone about {topic}", "Note what made it possible"],
  reflection: ["Sum up {topic} in one sentence", "Decide whether it asks for a change"],
};
