/** Tracing without an exporter; with one, tests/flow/tracing_test.ts follows real processes. */
import assert from "node:assert/strict";
import {
  activeTrace,
  endSpan,
  exemplarOf,
  inject,
  openServerSpan,
  openSpan,
  runInSpan,
  withSpan,
} from "./tracing.ts";

Deno.test("with nothing traced, code runs as without spans and no id comes up", async () => {
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  assert.equal(await withSpan("x", {}, () => 1), 1);
  await assert.rejects(
    withSpan("x", { links: ["garbage"] }, () => Promise.reject(new RangeError())),
    RangeError,
  );
  assert.equal(openServerSpan("x", undefined), undefined);
  const span = openSpan("x", { parent: traceparent });
  endSpan(span, { at: 1 });
  assert.deepEqual(runInSpan(span, activeTrace), {});
  assert.equal(inject(), null);
  assert.deepEqual(exemplarOf(undefined), {});
});
