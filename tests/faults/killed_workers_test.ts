/** Workers killed in the middle of their batches. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { startModel } from "./model.ts";
import { report } from "./report.ts";
import { faultTest } from "./services.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";
import { waitFor } from "../support/wait.ts";

const ROUNDS = 3;
const WORKERS = 4;

faultTest(
  "12 workers killed with SIGKILL while they work lose nothing and repeat nothing",
  async (services) => {
    // A slow model: there is always work in progress to be killed.
    await using model = startModel({ latencyMs: 500 });
    await using system = await startSystem(services, {
      workers: WORKERS,
      // Nobody knows how often one thought is in the wrong place; dying workers are not its fault.
      env: { ANALYSER: "openai", OPENAI_BASE_URL: model.url, MAX_ATTEMPTS: "20" },
    });
    const load = startLoad({ api: () => system.api.url, thoughts: 2_000, perSecond: 40 });

    let killed = 0;
    for (let round = 0; round < ROUNDS; round++) {
      // Kafka waits for the dead before the living get their partitions.
      await waitFor("workers hold thoughts", async () => await system.audit.count("processing") >= 8, {
        timeoutMs: 90_000,
      });
      const victims = system.workers.filter((worker) => !worker.exited);
      await Promise.all(victims.map((worker) => worker.kill()));
      killed += victims.length;
      assert.ok(
        await system.audit.count("processing") > 0,
        "the workers were killed while they held thoughts",
      );
      await Promise.all(victims.map(() => system.startWorker()));
    }
    const mendedAt = performance.now();
    await load.done;
    await system.settled(180_000);

    assert.ok(killed >= 10);
    const verdict = await assertNothingLostOrTwice(system, load);
    assert.equal(load.accepted.length, 2_000);
    report(`${killed} workers killed`, load, verdict, (performance.now() - mendedAt) / 1_000);
  },
);
