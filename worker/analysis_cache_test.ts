import assert from "node:assert/strict";
import { openMemoryCache } from "../core/cache/memory.ts";
import { aResult } from "../tests/support/thoughts.ts";
import { createAnalysisCache } from "./analysis_cache.ts";
import { createLocalAnalyser } from "./analysers/local.ts";

const local = createLocalAnalyser();
const memory = openMemoryCache(60);
const cache = createAnalysisCache(memory, local);
const result = JSON.stringify(aResult());

Deno.test("a key changes with everything that decides the result, and with nothing else", () => {
  const subject = { text: "a", context: "b" };
  const keys = [
    cache.key(subject),
    cache.key({ text: "a", context: null }),
    cache.key({ text: "ab", context: null }),
    cache.key({ text: "b", context: "a" }),
    cache.key({ text: `a","b`, context: null }),
    createAnalysisCache(memory, { ...local, name: "other" }).key(subject),
    createAnalysisCache(memory, { ...local, version: `${local.version}.1` }).key(subject),
  ];
  assert.equal(new Set(keys).size, keys.length);
  assert.equal(cache.key({ ...subject }), keys[0]);
});

for (
  const [one, other] of [
    ["Call the dentist", "call the  DENTIST"],
    ["Call the dentist.", "Call the dentist"],
    ["  Call the dentist!! ", "Call the dentist"],
    ["Call the dentist …", "Call the dentist"],
    ["Caf\u00e9", "Cafe\u0301"],
    ["\ufb01nish it", "finish it"],
    ["Really??", "really?!"],
  ] as const
) {
  Deno.test(`"${one}" and "${other}" are alike: one's analysis is found for the other, and counted as that`, async () => {
    const kinds: string[] = [];
    const alike = createAnalysisCache(openMemoryCache(60), local, (kind) => kinds.push(kind));
    const [first, second] = [one, other].map((text) => alike.key({ text, context: null })) as [
      string,
      string,
    ];
    await alike.remember(new Map([[first, { result }]]));
    const found = await alike.find([first, second]);
    assert.deepEqual(found.map((hit) => hit?.result), [result, result]);
    assert.deepEqual(kinds, ["exact", "alike"]);
  });
}

for (
  const [one, other] of [
    ["I should quit my job.", "I should quit my job?"],
    ["a.b", "ab"],
    ["...", "!!!"],
    ["no way", "noway"],
  ] as const
) {
  Deno.test(`"${one}" and "${other}" are not alike`, async () => {
    const fresh = createAnalysisCache(openMemoryCache(60), local);
    await fresh.remember(new Map([[fresh.key({ text: one, context: null }), { result }]]));
    assert.deepEqual(await fresh.find([fresh.key({ text: other, context: null })]), [undefined]);
  });
}

Deno.test("a key tells nothing of the thought", () => {
  assert.doesNotMatch(cache.key({ text: "canary", context: "Canary!" }), /canary/i);
});

Deno.test("what is remembered is found again, with what it cost", async () => {
  const cost = { provider: "p", model: "m", costUsd: 0.1 };
  await cache.remember(new Map([["one", { result }], ["two", { result, cost }]]));
  const [two, none, one] = await cache.find(["two", "none", "one"]);
  assert.deepEqual(JSON.parse(two!.result), aResult());
  assert.deepEqual([two!.cost, none, one!.cost], [cost, undefined, undefined]);
});

for (
  const damaged of [
    "",
    "no JSON",
    "null",
    "[]",
    `{"result":{}}`,
    `{"result":${result},"cost":{"provider":1}}`,
    result,
  ]
) {
  Deno.test(`an entry that is damaged, such as ${damaged.slice(0, 30)}, counts as missing`, async () => {
    await memory.setMany(new Map([["key", damaged]]));
    assert.deepEqual(await cache.find(["key"]), [undefined]);
  });
}
