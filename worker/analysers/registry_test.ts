import assert from "node:assert/strict";
import { loadConfig } from "../../core/config.ts";
import { ResultSchema } from "../../core/result.ts";
import { createAnalyser } from "./registry.ts";

const configured = (env: Record<string, string>) => loadConfig({ env: (name) => env[name] });

Deno.test("none gives every thought the same valid result", async () => {
  const none = await createAnalyser(configured({ ANALYSER: "none" }));
  const { result } = await none.analyse({ text: "a", context: null }, new AbortController().signal);
  assert.ok(ResultSchema.safeParse(result).success);
});

Deno.test("the analyser is the one that ANALYSER names, local by default", async () => {
  assert.equal((await createAnalyser(configured({}))).name, "local");
  const openai = await createAnalyser(configured({ ANALYSER: "openai", OPENAI_API_KEY: "key" }));
  assert.equal(openai.name, "openai");
});

for (const name of ["gpt", "constructor", "toString"]) {
  Deno.test(`ANALYSER="${name}" is refused with the names there are`, async () => {
    await assert.rejects(
      createAnalyser(configured({ ANALYSER: name })),
      new RegExp(`ANALYSER is "${name}", there are local, none, openai, slow`),
    );
  });
}
