/** The model down under load, and workers killed meanwhile. */
import assert from "node:assert/strict";
import { waitFor } from "../support/wait.ts";
import { startLoad } from "./load.ts";
import { startModel } from "./model.ts";
import { report } from "./report.ts";
import { faultTest } from "./services.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";

const THOUGHTS = 300;
const OUTAGE_MS = 20_000;

faultTest(
  "a model that is unavailable for 20 s, with a worker killed meanwhile, fails no thought",
  async (services) => {
    await using model = startModel({ latencyMs: 200 });
    await using system = await startSystem(services, {
      workers: 2,
      env: { ANALYSER: "openai", OPENAI_BASE_URL: model.url, LEASE_MS: "5000" },
    });
    const load = startLoad({ api: () => system.api.url, thoughts: THOUGHTS, perSecond: 15 });
    await waitFor("some are done", async () => await system.audit.count("completed") > 20);
    model.goAway();
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS / 2));
    await system.workers[0]!.kill();
    await system.startWorker();
    await new Promise((resolve) => setTimeout(resolve, OUTAGE_MS / 2));
    assert.equal(await system.audit.count("failed"), 0, "nothing fails because of an absent model");
    model.comeBack();
    const backAt = performance.now();
    await load.done;
    await system.settled(120_000);
    const verdict = await assertNothingLostOrTwice(system, load);
    assert.equal(load.accepted.length, THOUGHTS);
    report("the model down for 20 s", load, verdict, (performance.now() - backAt) / 1_000);
  },
);
