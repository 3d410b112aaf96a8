/** Where packages come from, as deno.json states it. */
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };

Deno.test("packages come from a frozen lock file, and a new release waits a week before it can get in", () => {
  assert.equal(manifest.lock.frozen, true);
  assert.equal(manifest.minimumDependencyAge, "P7D");
});

Deno.test("every package is pinned to one exact version", () => {
  for (const [name, specifier] of Object.entries(manifest.imports)) {
    assert.match(specifier, /^npm:\/?(@[\w-]+\/)?[\w.-]+@\d+\.\d+\.\d+\/?$/, name);
  }
});
