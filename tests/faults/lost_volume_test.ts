/** Kafka back without its volume. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest, service } from "./services.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";
import { waitFor } from "../support/wait.ts";

faultTest("Kafka's volume thrown away under load loses nothing", async (services) => {
  await using system = await startSystem(services, { env: { REQUEUE_AFTER_MS: "5000" } });
  const load = startLoad({ api: () => system.api.url, thoughts: 1_000, perSecond: 60 });
  await waitFor("work has begun", async () => await system.audit.count("completed") > 50);
  await service("stop", "kafka");
  await service("wipe", "kafka");
  await service("start", "kafka");
  const mendedAt = performance.now();
  await load.done;
  await system.settled();

  assert.equal(load.refused + load.unanswered, 0);
  const verdict = await assertNothingLostOrTwice(system, load);
  report("Kafka's volume thrown away", load, verdict, (performance.now() - mendedAt) / 1_000);
});
