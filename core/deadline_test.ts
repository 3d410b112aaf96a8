import assert from "node:assert/strict";
import { createDeadline } from "./deadline.ts";
import { DeadlineError } from "./lifecycle.ts";

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
