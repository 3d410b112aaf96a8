import assert from "node:assert/strict";
import { fakeHost, silentView } from "../tests/launcher/fake_host.ts";
import { LaunchFailure } from "./failure.ts";
import { failuresOf, type Row, runPhase } from "./checklist.ts";

const failing = () => Promise.reject(new LaunchFailure("service", { what: "broken", next: [] }));
const run = async (rows: Row[], stopAtFirst = false) => {
  const view = silentView();
  const result = await runPhase(fakeHost(), view, { name: "phase", rows, stopAtFirst });
  return { view, result, outcomes: result.rows.map((row) => `${row.name} ${row.outcome}`) };
};

Deno.test("runPhase() starts a row once those it is after are fine", async () => {
  const order: string[] = [];
  const step = (name: string, after: string[] = []): Row => ({
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

Deno.test("runPhase() skips what is after a failure, however far, and goes on with the rest", async () => {
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

Deno.test("runPhase() stops the others at the first failure when it is to", async () => {
  const waits: Row["run"] = ({ signal }) =>
    new Promise((_, reject) => signal.onabort = () => reject(signal.reason));
  const { outcomes } = await run([{ name: "a", run: waits }, { name: "b", run: failing }], true);
  assert.deepEqual(outcomes, ["a skipped", "b failed"]);
});

Deno.test("runPhase() leaves the screen in order before a bug of ours goes on up", async () => {
  const view = silentView();
  const rows = [{ name: "a", run: () => Promise.reject(new TypeError("a bug")) }];
  await assert.rejects(runPhase(fakeHost(), view, { name: "phase", rows }), /a bug/);
  assert.ok(view.ended);
});

Deno.test("runPhase() ends with the signal's reason on Ctrl-C", async () => {
  const interrupt = new AbortController();
  const host = fakeHost({ signal: interrupt.signal });
  const rows: Row[] = [{
    name: "a",
    run: ({ signal }) => {
      interrupt.abort(new Error("Ctrl-C"));
      signal.throwIfAborted();
      return Promise.resolve("");
    },
  }];
  await assert.rejects(runPhase(host, silentView(), { name: "phase", rows }), /Ctrl-C/);
});
