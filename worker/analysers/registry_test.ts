import assert from "node:assert/strict";
import { loadConfig } from "../../core/config.ts";
import { ResultSchema } from "../../core/result.ts";
import { createAnalyser } from "./registry.ts";

const configured = (env: Record<string, string>) => loadConfig({ env: (name) => env[name] });

Deno.test("none gives every thought the same valid result", async () => {
  const { result } = await createAnalyser(configured({ ANALYSER: "none" })).analyse(
    { text: "a", context: null },
    new AbortController().signal,
  );
  assert.ok(ResultSchema.safeParse(result).success);
});

Deno.test("the analyser is the one that ANALYSER names, local by default", () => {
  assert.equal(createAnalyser(configured({})).name, "local");
  assert.equal(createAnalyser(configured({ ANALYSER: "openai", OPENAI_API_KEY: "key" })).name, "openai");
});

for (const name of ["gpt", "constructor", "toString"]) {
  Deno.test(`ANALYSER="${name}" is refused with the names there are`, () => {
    assert.throws(
      () => createAnalyser(configured({ ANALYSER: name })),
      new RegExp(`ANALYSER is "${name}", there are local, none, openai, slow`),
    );
  });
}
