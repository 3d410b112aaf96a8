/** Polling until a condition holds. */
import assert from "node:assert/strict";
import { fakeHost } from "../tests/launcher/fake_host.ts";
import { LaunchFailure } from "./failure.ts";
import { Unreachable } from "./clients/http.ts";
import { until } from "./wait.ts";

const late = (why: string) => new LaunchFailure("proof", { what: why, next: [] });

Deno.test("until() polls until the condition holds", async () => {
  const host = fakeHost();
  let options = 0;
  const ask = () => Promise.resolve(++options < 3 ? { pending: "no" } : { ready: "yes" });
  assert.equal(await until(ask, { host, deadlineMs: 10_000, everyMs: 500, late }), "yes");
  assert.equal(host.slept, 1_000);
});

Deno.test("until() treats an absent server as not yet", async () => {
  const answers = [
    () => Promise.reject(new Unreachable("refused")),
    () => Promise.resolve({ ready: "there" }),
  ];
  const said: string[] = [];
  const options = { host: fakeHost(), deadlineMs: 10_000, late, say: (why: string) => void said.push(why) };
  assert.equal(await until(() => answers.shift()!(), options), "there");
  assert.deepEqual(said, ["refused"]);
});

Deno.test("until() gives up at its deadline, with the last reason", async () => {
  const host = fakeHost();
  const ask = () => Promise.resolve({ pending: "still nothing" });
  await assert.rejects(until(ask, { host, deadlineMs: 2_000, late }), /still nothing \(waited 2 s\)/);
  assert.ok(host.slept <= 2_000);
});

Deno.test("until() does not swallow a bug", async () => {
  const ask = () => Promise.reject(new RangeError("a bug"));
  await assert.rejects(until(ask, { host: fakeHost(), deadlineMs: 2_000, late }), RangeError);
});
