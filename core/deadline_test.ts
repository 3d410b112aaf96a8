import assert from "node:assert/strict";
import { createDeadline, DeadlineError, within } from "./deadline.ts";
import { pause } from "./retry.ts";

Deno.test("within() hands on what comes in time, value or error", async () => {
  assert.equal(await within(1_000, "it", Promise.resolve(1)), 1);
  await assert.rejects(within(1_000, "it", Promise.reject(new RangeError())), RangeError);
});

Deno.test("within() names what did not come in time, and drops what comes later", async () => {
  const late = Promise.withResolvers<never>();
  await assert.rejects(
    within(5, "Redis", late.promise),
    (error) => error instanceof DeadlineError && error.message === "Redis did not respond within 5 ms",
  );
  late.reject(new Error("unhandled, it would end the process"));
  await pause(1);
});

Deno.test("a deadline passes on what comes in time, value or error", async () => {
  const deadline = createDeadline(1_000, "it");
  assert.equal(await deadline(Promise.resolve(1)), 1);
  await assert.rejects(deadline(Promise.reject(new RangeError("no"))), RangeError);
});

Deno.test("a deadline gives up on each wait in its own time", async () => {
  const deadline = createDeadline(40, "the body");
  const started = performance.now();
  const never = new Promise(() => {});
  const over = (promise: Promise<unknown>) => promise.then(() => NaN, () => performance.now() - started);
  const first = over(deadline(never));
  await new Promise((resolve) => setTimeout(resolve, 20));
  const second = over(deadline(never));
  const [a, b] = await Promise.all([first, second]);
  assert.ok(a >= 39, `the first after ${a} ms`);
  assert.ok(b >= 59, `the second after ${b} ms`);
  await assert.rejects(
    deadline(never),
    (error) => error instanceof DeadlineError && /the body .* 40 ms/.test(error.message),
  );
});
