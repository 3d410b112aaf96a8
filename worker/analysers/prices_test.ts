import assert from "node:assert/strict";
import { costUsd, priceOf } from "./prices.ts";

Deno.test("a known model has the price of the built-in table", () => {
  assert.deepEqual(priceOf("gpt-4.1-mini"), { input: 0.4, output: 1.6 });
});

for (const model of ["llama3.3", "constructor", "__proto__", "toString"]) {
  Deno.test(`a model in no table, such as "${model}", has no price`, () => {
    assert.equal(priceOf(model), undefined);
  });
}

Deno.test("a prices file adds models and overrides the table", async () => {
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(
    file,
    `{"gpt-4.1-mini": {"input": 1, "output": 2}, "mine": {"input": 3, "output": 4}}`,
  );
  assert.deepEqual(priceOf("gpt-4.1-mini", file), { input: 1, output: 2 });
  assert.deepEqual(priceOf("mine", file), { input: 3, output: 4 });
  assert.deepEqual(priceOf("gpt-4.1", file), { input: 2, output: 8 });
  await Deno.remove(file);
});

for (
  const [what, content] of [
    ["is no JSON", "gpt: 1"],
    ["is no object", "[1]"],
    ["lacks a price", `{"mine": {"input": 3}}`],
    ["holds a negative price", `{"mine": {"input": -3, "output": 0}}`],
    ["holds a price in words", `{"mine": {"input": "3", "output": 0}}`],
  ] as const
) {
  Deno.test(`a prices file that ${what} is refused by the name of its setting`, async () => {
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, content);
    assert.throws(() => priceOf("mine", file), /PRICES_FILE: it must be JSON like/);
    await Deno.remove(file);
  });
}

Deno.test("a prices file that is not there is refused by the name of its setting", () => {
  assert.throws(() => priceOf("mine", "/nonexistent/prices.json"), /PRICES_FILE/);
});

Deno.test("the cost is tokens times the price per million", () => {
  assert.equal(costUsd({ input: 0.4, output: 1.6 }, 1_000_000, 500_000), 1.2);
  assert.equal(costUsd({ input: 0.4, output: 1.6 }, 0, 0), 0);
});
