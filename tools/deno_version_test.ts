/** Which Deno is new enough, and that the tasks check it before anything that an older one would not understand. */
import assert from "node:assert/strict";
import manifest from "../deno.json" with { type: "json" };
import { tooOld } from "./deno_version.ts";

Deno.test("an older Deno is told to update, and how to do without", () => {
  for (const version of ["2.9.0", "2.9.6", "2.10.0", "3.0.0-rc.1"]) assert.equal(tooOld(version), undefined);
  for (const version of ["1.46.3", "2.8.9"]) {
    assert.match(
      tooOld(version)!,
      new RegExp(`needs Deno 2.9 or newer, and this is ${version}[^]*deno upgrade[^]*npx deno@`),
    );
  }
  assert.equal(tooOld(Deno.version.deno), undefined);
});

Deno.test("the tasks that people start check the version first, with flags that every Deno 2 knows", () => {
  for (const task of ["dev", "monitoring"] as const) {
    assert.match(
      manifest.tasks[task].command,
      /^deno run --quiet --no-config --no-lock --no-prompt tools\/deno_version\.ts && /,
      task,
    );
  }
});
