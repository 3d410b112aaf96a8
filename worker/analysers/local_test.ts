import assert from "node:assert/strict";
import fc from "fast-check";
import { ResultSchema } from "../../core/result.ts";
import { LIMITS, type Result } from "../../core/thought.ts";
import { createLocalAnalyser } from "./local.ts";
import { knownWords } from "./local/reading.ts";

const analyser = createLocalAnalyser();
const signal = new AbortController().signal;

function analyse(text: string, context: string | null = null): Result {
  const analysis = analyser.analyse({ text, context }, signal);
  assert.ok(!(analysis instanceof Promise), "nothing is waited for, so nothing is promised");
  return ResultSchema.parse(analysis.result);
}

/** What the API accepts: well-formed, no NUL, not blank, at most that many UTF-16 units. */
const acceptable = (units: number) =>
  fc.oneof(
    fc.string({ unit: "binary", maxLength: units, size: "max" }),
    fc.string({
      unit: fc.constantFrom("a", " ", ".", "?", "\n", "'", "😀", "İ", "e\u0301"),
      maxLength: units,
      size: "max",
    }),
    fc.string({ unit: fc.constantFrom("a", "😀", "word"), maxLength: units, size: "max" }),
  ).map((text) => text.slice(0, units))
    .filter((text) => text.isWellFormed() && !text.includes("\0") && /\S/.test(text));

Deno.test("any text that the API accepts gets a result that fits its schema", () => {
  fc.assert(
    fc.property(
      acceptable(LIMITS.textChars),
      fc.option(acceptable(LIMITS.contextChars)),
      (text, context) => void analyse(text, context),
    ),
    { numRuns: 200 },
  );
});

for (
  const [name, text] of [
    ["emoji without a space, cut in the middle of one", "a" + "😀".repeat(4_999)],
    ["one word at the limit", "x".repeat(LIMITS.textChars)],
    ["one sentence at the limit", "go ".repeat(3_333) + "!"],
    ["nothing but punctuation", "?!…"],
    ["apostrophes only", "''''"],
    ["words that objects have by themselves", "constructor __proto__ toString hasOwnProperty"],
    ["half a surrogate pair where a run is cut", "😀".repeat(31) + "a"],
    ["replacement patterns", "$& $1 $$ $`"],
    ["right to left", "אני רוצה ללמוד לנגן בגיטרה"],
  ] as const
) {
  Deno.test(`a result is valid for ${name}`, () => {
    const { analysis } = analyse(text);
    assert.ok(analysis.summary.length <= 201, analysis.summary);
  });
}

Deno.test("the same thought always gets the same result", () => {
  const text = "I must pay the rent today, I am worried about money and work";
  assert.deepEqual(analyse(text), analyse(text));
});

for (
  const [text, expected] of [
    ["Buy milk and call mum tomorrow", { type: "task", urgency: "medium", tone: "neutral" }],
    ["Why is the sky blue?", { type: "question", urgency: "low", tone: "neutral" }],
    ["I am so worried and anxious, this is bad", { type: "worry", urgency: "medium", tone: "negative" }],
    ["I want to learn the guitar someday", { type: "goal", urgency: "low", tone: "neutral" }],
    ["So grateful and happy for my great friends", { type: "gratitude", urgency: "none", tone: "positive" }],
    ["It was happy and sad", { type: "reflection", urgency: "none", tone: "mixed" }],
    ["I am not happy with how it went", { type: "reflection", urgency: "none", tone: "negative" }],
    ["Fix the boiler immediately", { type: "task", urgency: "immediate", tone: "neutral" }],
    ["Server is on fire, call everyone", { type: "worry", urgency: "immediate", tone: "negative" }],
  ] as const
) {
  Deno.test(`"${text}" is a ${expected.type} of ${expected.urgency} urgency and ${expected.tone} tone`, () => {
    assert.deepEqual(analyse(text).classification, expected);
  });
}

Deno.test("value names the dimensions that the words touch, in the direction of the tone", () => {
  const good = analyse("I love my work and my family").value;
  assert.deepEqual(Object.keys(good).sort(), ["career", "relationships"]);
  assert.ok(Object.values(good).every((impact) => impact > 0));
  assert.ok(analyse("I hate my job, it is terrible").value.career! < 0);
  assert.ok(analyse("The rent is going up and I don't know how we will pay it").value.finances! < 0);
});

Deno.test("what is neutral is worth 0, and what no word touches is left out", () => {
  assert.deepEqual(analyse("Water the plants").value, {});
  assert.deepEqual(analyse("Pay the rent on Friday").value, { finances: 0 });
});

Deno.test("keywords are noun phrases of the text, and actions say them as one says them to the writer", () => {
  const { analysis, actions } = analyse("I'm afraid my knee won't hold up for the Berlin marathon");
  assert.deepEqual(analysis.keywords, ["knee", "Berlin marathon"]);
  assert.match(actions[0]!, /about your knee$/);
  assert.match(analyse("What if we had a shared garden?").priority.reason, /^An idea /);
  assert.deepEqual(analyse("Book flights to Lisbon").analysis.keywords, ["flights", "Lisbon"]);
  assert.equal(analyse("Did I lock the back door?").analysis.keywords[0], "back door");
  assert.deepEqual(analyse("Buy milk tomorrow").analysis.keywords, ["milk"]);
  assert.deepEqual(analyse("my grandfather's workshop").analysis.keywords, ["grandfather's workshop"]);
});

for (
  const text of [
    "I want to die",
    "Sometimes I think everyone would be better off without me",
    "I keep thinking about hurting myself and I don't know who to tell",
    "i dont want to be alive",
    "My brother said he wants to kill himself",
    "Ich will nicht mehr leben",
    "Je ne veux plus vivre",
    "No quiero vivir más",
  ]
) {
  Deno.test(`"${text}" is of the highest priority, and gets one line that points to people`, () => {
    const { classification, actions, priority, value } = analyse(text);
    assert.deepEqual(classification, { type: "worry", urgency: "immediate", tone: "negative" });
    assert.equal(actions.length, 1);
    assert.match(actions[0]!, /person you trust.*help line/);
    assert.doesNotMatch(actions[0]!, /\d/, "a number would be another country's");
    assert.deepEqual([priority.level, priority.score, value], ["critical", 100, {}]);
  });
}

for (
  const text of [
    "I'm dying to see the new film",
    "This deadline is killing me",
    "I cut myself shaving this morning",
    "I don't want to die before my kids grow up",
    "I don't want to live in London",
    "I could kill for a coffee",
    "My phone is about to die",
  ]
) {
  Deno.test(`"${text}" is not taken for self-harm`, () => {
    assert.ok(analyse(text).priority.score < 100);
    assert.doesNotMatch(analyse(text).actions.join(), /help line/);
  });
}

Deno.test("another language is said so, and classified only as far as known", () => {
  const german = analyse("Bis Freitag die Steuererklärung abgeben");
  assert.equal(german.classification.type, "task");
  assert.match(german.priority.reason, /as far as this analyser, made for English, reads German$/);
  assert.deepEqual([german.value, german.analysis.keywords], [{}, []]);
  const japanese = analyse("明日、図書館は何時に開きますか？");
  assert.equal(japanese.classification.type, "question");
  assert.match(japanese.priority.reason, /Japanese$/);
});

for (const text of ["milk, eggs, bread", "Pick up parcel", "dentist tue", "lol", "renew passport", "😀"]) {
  Deno.test(`"${text}" says too little to be another language`, () => {
    assert.doesNotMatch(analyse(text).priority.reason, /English/);
  });
}

Deno.test("words never met before do not pile up in memory", () => {
  const thoughts = (times: number, name: string) => {
    for (let at = 0; at < times; at++) analyse(`the ${name}${at}x is a ${name}${at}y of ${name}${at}z`);
  };
  thoughts(25_000, "q");
  assert.ok(knownWords() < 120_100, `${knownWords()} words are kept`);
  assert.equal(analyse("Buy milk tomorrow").classification.type, "task");
});

for (
  const [name, text] of [
    ["a run without spaces", "a-".repeat(5_000)],
    ["apostrophes", "'".repeat(10_000)],
    ["one word again and again", "one day ".repeat(1_250)],
    ["a sentence a word", "a.\n".repeat(3_333)],
    ["a sentence of 'the'", "the ".repeat(2_500)],
    ["hash tags", "#a".repeat(5_000)],
  ] as const
) {
  Deno.test(`a thought at the limit takes no long turn: ${name}`, () => {
    analyse(text.slice(0, 10));
    const startedAt = performance.now();
    analyse(text);
    assert.ok(performance.now() - startedAt < 500, `${performance.now() - startedAt} ms`);
  });
}

Deno.test("priority rises with urgency, and its level follows its score", () => {
  const scores = ["someday", "", "tomorrow", "today", "immediately"].map((when) =>
    analyse(`Fix the boiler ${when}`).priority.score
  );
  assert.deepEqual(scores, scores.toSorted((a, b) => a - b));
  assert.equal(new Set(scores).size, scores.length);
  assert.equal(analyse("I must fix the boiler immediately, it is terrible").priority.level, "critical");
});

Deno.test("context counts for the meaning, never for the summary", () => {
  const { analysis, value } = analyse("It goes on.", "my boss wants the report");
  assert.equal(analysis.summary, "It goes on.");
  assert.ok("career" in value);
});

Deno.test("the summary is the first sentence, or cut at a word", () => {
  assert.equal(analyse("One thing. Another thing.").analysis.summary, "One thing.");
  assert.equal(analyse("One line\nAnother").analysis.summary, "One line");
  const cut = analyse("word ".repeat(100)).analysis.summary;
  assert.match(cut, /^(word )*word…$/);
});
