/** What a `traceparent` header says. */
import assert from "node:assert/strict";
import { asSampled, idsIn, isSampled, traceFields, traceparentOf } from "./traceparent.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

for (
  const [traceparent, sampled] of [
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-03`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-02`, false],
    [null, false],
    ["", false],
    ["garbage", false],
  ] as const
) {
  Deno.test(`the trace ${traceparent} is ${sampled ? "" : "not "}recorded`, () => {
    assert.equal(isSampled(traceparent), sampled);
  });
}

Deno.test("the ids of a traceparent are log fields", () => {
  assert.deepEqual(traceFields(`00-${TRACE}-${SPAN}-01`), { trace_id: TRACE, span_id: SPAN });
});

Deno.test("ids are handed on as they came, and a late trace as sampled", () => {
  const ids = idsIn(`00-${TRACE}-${SPAN}-00`)!;
  assert.equal(traceparentOf(ids), `00-${TRACE}-${SPAN}-00`);
  assert.equal(traceparentOf(asSampled(ids)), `00-${TRACE}-${SPAN}-01`);
  for (const invalid of ["", "garbage", `00-${"0".repeat(32)}-${SPAN}-01`, `ff-${TRACE}-${SPAN}-01`]) {
    assert.equal(idsIn(invalid), undefined);
  }
});
