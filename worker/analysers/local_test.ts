import assert from "node:assert/strict";
import fc from "fast-check";
import { ResultSchema } from "../../core/result.ts";
import { LIMITS, type Result } from "../../core/thought.ts";
import { createLocalAnalyser } from "./local.ts";

const analyser = createLocalAnalyser();
const signal = new AbortController().signal;

function analyse(text: string, context: string | null = null): Result {
  const analysis = analyser.analyse({ text, context }, signal);
  assert.ok(!(analysis instanceof Promise), "nothing is waited for, so nothing is promised");
  return ResultSchema.parse(analysis.result);
}

/** What the API lets in: well-formed, no NUL, not blank, at most so many UTF-16 units. */
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
    ["I am so worried and anxious, this is bad", { type: "worry", urgency: "low", tone: "negative" }],
    ["I want to learn the guitar someday", { type: "goal", urgency: "none", tone: "neutral" }],
    ["So grateful and happy for my great friends", { type: "gratitude", urgency: "low", tone: "positive" }],
    ["It was happy and sad", { type: "reflection", urgency: "low", tone: "mixed" }],
    ["Fix the boiler immediately", { type: "task", urgency: "immediate", tone: "neutral" }],
  ] as const
) {
  Deno.test(`"${text}" is a ${expected.type} of ${expected.urgency} urgency`, () => {
    assert.deepEqual(analyse(text).classification, expected);
  });
}

Deno.test("value names the dimensions that the words touch, in the direction of the tone", () => {
  const good = analyse("I love my work and my family").value;
  assert.deepEqual(Object.keys(good).sort(), ["career", "relationships"]);
  assert.ok(Object.values(good).every((impact) => impact > 0));
  assert.ok(analyse("I hate my job, it is terrible").value.career! < 0);
});

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
