/** Durations and PromQL windows of a fast drill. */
import assert from "node:assert/strict";
import { quickDuration, quickQuery } from "./pace.ts";

Deno.test("quickDuration() divides by 15, whatever the units", () => {
  const cases = { "15m": "60000ms", "1h30m": "360000ms", "10s": "667ms", "0s": "0ms", "1ms": "1ms" };
  for (const [text, quick] of Object.entries(cases)) assert.equal(quickDuration(text), quick);
});

for (const text of ["", "5", "5 m", "-5m", "five", "5mm"]) {
  Deno.test(`quickDuration() refuses "${text}"`, () => {
    assert.throws(() => quickDuration(text), new SyntaxError(`"${text}" is not a duration such as 5m`));
  });
}

Deno.test("quickQuery() divides windows and offsets, and nothing that only looks like one", () => {
  assert.equal(
    quickQuery(
      `sum(rate(a:b:rate15m{le="30.0", window="15m"}[15m] offset 1h)) > 15 and max_over_time(c[30m:15m])`,
    ),
    `sum(rate(a:b:rate15m{le="30.0", window="15m"}[60000ms] offset 240000ms)) > 15 and max_over_time(c[120000ms:60000ms])`,
  );
});

Deno.test("quickQuery() leaves windows long enough for a slow thought", () => {
  assert.equal(quickQuery("rate(a[5m])"), "rate(a[40000ms])");
});
