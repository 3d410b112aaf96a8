/** Each of our processes restarted, one after another, as a deployment does. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest } from "./services.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";

faultTest("a rolling restart of all our processes refuses no request", async (services) => {
  await using system = await startSystem(services, { env: { REQUEUE_AFTER_MS: "86400000" } });
  const load = startLoad({ api: () => system.api.url, thoughts: 1_500, perSecond: 80 });
  for (const worker of [...system.workers]) {
    await system.startWorker();
    assert.equal(await worker.stop(), 0, "the worker finishes what it holds");
  }
  const { before } = await system.replaceApi();
  assert.equal(await before.stop(), 0, "the API finishes what it has begun");
  const doneAt = performance.now();
  await load.done;
  await system.settled();

  assert.equal(load.refused + load.unanswered, 0);
  const verdict = await assertNothingLostOrTwice(system, load);
  report("Rolling restart of API and workers", load, verdict, (performance.now() - doneAt) / 1_000);
});
