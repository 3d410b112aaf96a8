import assert from "node:assert/strict";
import { createLocalAnalyser } from "./local.ts";
import { createSlowAnalyser } from "./slow.ts";

const subject = { text: "I must finish the report by tomorrow", context: null };
const patient = new AbortController().signal;

Deno.test("slow answers as local does, later", async () => {
  assert.deepEqual(
    await createSlowAnalyser({ pauseMs: 1 }).analyse(subject, patient),
    await createLocalAnalyser().analyse(subject, patient),
  );
});

Deno.test("slow is given up at its deadline, in the middle of its pause", async () => {
  const deadline = new AbortController();
  const analysis = createSlowAnalyser().analyse(subject, deadline.signal);
  deadline.abort();
  await assert.rejects(async () => await analysis, { name: "AbortError" });
});
