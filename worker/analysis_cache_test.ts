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

Deno.test("a key tells nothing of the thought", () => {
  assert.doesNotMatch(cache.key({ text: "canary", context: "canary" }), /canary/);
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
