import assert from "node:assert/strict";
import { aResult } from "../tests/support/thoughts.ts";
import { ResultSchema } from "./result.ts";

const valid = aResult();

Deno.test("a result of five parts is taken as it is", () => {
  assert.deepEqual(ResultSchema.parse(valid), valid);
});

Deno.test("a result may touch no dimension and have no keyword, and its lines are trimmed", () => {
  const result = { ...valid, value: {}, analysis: { summary: "  short \n", keywords: [] } };
  assert.equal(ResultSchema.parse(result).analysis.summary, "short");
});

const { classification, analysis, priority } = valid;
for (
  const [what, wrong, where] of [
    ["null", null, ""],
    ["a list", [valid], ""],
    ["a part missing", { classification, analysis, priority, value: {} }, "actions"],
    ["a part too many", { ...valid, mood: "good" }, ""],
    [
      "an unknown type",
      { ...valid, classification: { ...classification, type: "rant" } },
      "classification.type",
    ],
    [
      "an unknown tone",
      { ...valid, classification: { ...classification, tone: "loud" } },
      "classification.tone",
    ],
    ["no summary", { ...valid, analysis: { ...analysis, summary: " " } }, "analysis.summary"],
    ["a long summary", { ...valid, analysis: { ...analysis, summary: "x".repeat(501) } }, "analysis.summary"],
    ["NUL", { ...valid, analysis: { ...analysis, summary: "a\0b" } }, "analysis.summary"],
    ["half a surrogate pair", { ...valid, actions: ["\ud83d"] }, "actions.0"],
    [
      "eleven keywords",
      { ...valid, analysis: { ...analysis, keywords: Array(11).fill("a") } },
      "analysis.keywords",
    ],
    [
      "a long keyword",
      { ...valid, analysis: { ...analysis, keywords: ["x".repeat(65)] } },
      "analysis.keywords.0",
    ],
    ["an unknown dimension", { ...valid, value: { fame: 1 } }, "value"],
    ["an impact above 1", { ...valid, value: { health: 1.01 } }, "value.health"],
    ["an impact in words", { ...valid, value: { health: "good" } }, "value.health"],
    ["no action", { ...valid, actions: [] }, "actions"],
    ["six actions", { ...valid, actions: Array(6).fill("go") }, "actions"],
    ["a score of 101", { ...valid, priority: { ...priority, score: 101 } }, "priority.score"],
    ["a score of 1.5", { ...valid, priority: { ...priority, score: 1.5 } }, "priority.score"],
    ["a score of NaN", { ...valid, priority: { ...priority, score: NaN } }, "priority.score"],
  ] as const
) {
  Deno.test(`a result with ${what} is refused, naming where`, () => {
    const { error } = ResultSchema.safeParse(wrong);
    assert.equal(error?.issues[0]?.path.join("."), where);
  });
}
