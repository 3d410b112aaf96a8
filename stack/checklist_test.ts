/** The order in which checks run, and what a failure, a bug and Ctrl-C do to them. */
import assert from "node:assert/strict";
import { fakeHost, silentView } from "../tests/launcher/fake_host.ts";
import { LaunchFailure } from "./failure.ts";
import { type Check, failuresOf, runChecklist } from "./checklist.ts";

const failing = () => Promise.reject(new LaunchFailure("service", { what: "broken", next: [] }));
const run = async (checks: Check[], stopAtFirst = false) => {
  const view = silentView();
  const result = await runChecklist(fakeHost(), view, { name: "checklist", checks, stopAtFirst });
  return { view, result, outcomes: result.checks.map((check) => `${check.name} ${check.outcome}`) };
};

Deno.test("runChecklist() starts a check once those it is after are fine", async () => {
  const order: string[] = [];
  const step = (name: string, after: string[] = []): Check => ({
    name,
    after,
    run: async () => {
      order.push(`${name} starts`);
      await Promise.resolve();
      order.push(`${name} ends`);
      return "";
    },
  });
  await run([step("a"), step("b", ["a"]), step("c")]);
  assert.deepEqual(order, ["a starts", "c starts", "a ends", "c ends", "b starts", "b ends"]);
});

Deno.test("runChecklist() skips what is after a failure, however far, and continues with the rest", async () => {
  const fine = () => Promise.resolve("");
  const { outcomes, result } = await run([
    { name: "a", run: failing },
    { name: "b", after: ["a"], run: fine },
    { name: "c", after: ["b"], run: fine },
    { name: "d", run: fine },
  ]);
  assert.deepEqual(outcomes, ["a failed", "b skipped", "c skipped", "d ok"]);
  assert.deepEqual(failuresOf(result).map((f) => f.message), ["broken"]);
});

Deno.test("runChecklist() stops the others at the first failure when it is to", async () => {
  const waits: Check["run"] = ({ signal }) =>
    new Promise((_, reject) => signal.onabort = () => reject(signal.reason));
  const { outcomes } = await run([{ name: "a", run: waits }, { name: "b", run: failing }], true);
  assert.deepEqual(outcomes, ["a skipped", "b failed"]);
});

Deno.test("runChecklist() leaves the screen in order before it rethrows a bug of ours", async () => {
  const view = silentView();
  const checks = [{ name: "a", run: () => Promise.reject(new TypeError("a bug")) }];
  await assert.rejects(runChecklist(fakeHost(), view, { name: "checklist", checks }), /a bug/);
  assert.ok(view.ended);
});

Deno.test("runChecklist() ends with the signal's reason on Ctrl-C", async () => {
  const interrupt = new AbortController();
  const host = fakeHost({ signal: interrupt.signal });
  const checks: Check[] = [{
    name: "a",
    run: ({ signal }) => {
      interrupt.abort(new Error("Ctrl-C"));
      signal.throwIfAborted();
      return Promise.resolve("");
    },
  }];
  await assert.rejects(runChecklist(host, silentView(), { name: "checklist", checks }), /Ctrl-C/);
});
