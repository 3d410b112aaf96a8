/** Tracing without an exporter; with one, tests/flow/tracing_test.ts follows real processes. */
import assert from "node:assert/strict";
import {
  activeTrace,
  exemplarOf,
  inject,
  isSampled,
  openServerSpan,
  openSpan,
  recordSpan,
  runIn,
  traceFields,
  withSpan,
} from "./tracing.ts";

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

Deno.test("with nothing traced, code runs as without spans and no id comes up", async () => {
  assert.equal(await withSpan("x", {}, () => 1), 1);
  await assert.rejects(
    withSpan("x", { links: ["garbage"] }, () => Promise.reject(new RangeError())),
    RangeError,
  );
  assert.equal(runIn("garbage", () => 2), 2);
  assert.equal(runIn(null, () => 3), 3);
  assert.equal(openServerSpan("x", undefined), undefined);
  recordSpan("x", { startTime: 0, endTime: 1 });
  openSpan("x", { parent: `00-${TRACE}-${SPAN}-01` }).span.end();
  assert.deepEqual([inject(), activeTrace(), exemplarOf(undefined)], [null, {}, {}]);
});
