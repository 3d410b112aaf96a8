/** A thought that kills its worker's process whenever it is analysed. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { startModel, TRIGGERS } from "./model.ts";
import { faultTest } from "./services.ts";
import { startSystem, type System } from "./system.ts";

const THOUGHTS = 201;
const KILLER = 50;
/** As often as a thought may crash its worker (core/store/stranded.ts). */
const DEATHS = 3;

faultTest(
  "a thought that kills the process fails by itself, and the other two hundred complete",
  async (services) => {
    const deaths: Promise<unknown>[] = [];
    const running: { system?: System } = {};
    await using model = startModel({
      latencyMs: 50,
      onKill: () => {
        // As a supervisor would: the process is gone, another takes its place.
        const { system } = running;
        const victim = system?.workers.find((worker) => !worker.exited);
        if (victim) deaths.push(victim.kill().then(() => system!.startWorker()));
      },
    });
    await using started = await startSystem(services, {
      workers: 1,
      env: { ANALYSER: "openai", OPENAI_BASE_URL: model.url },
    });
    running.system = started;
    const load = startLoad({
      api: () => started.api.url,
      thoughts: THOUGHTS,
      text: (n) => `Thought ${n} of ${crypto.randomUUID()} ${n === KILLER ? TRIGGERS.kill : ""}`,
    });
    await load.done;
    await started.settled(180_000);
    await Promise.all(deaths);

    assert.equal(deaths.length, DEATHS);
    const failed = await started.audit.query<
      { text: string; failure: string; crashes: number; error: string }
    >(
      "select text, failure, crashes, error from thoughts where status = 'failed'",
    );
    assert.deepEqual(failed.map(({ failure, crashes }) => [failure, crashes]), [["crash", DEATHS]]);
    assert.ok(failed[0]!.text.includes(TRIGGERS.kill));
    assert.match(failed[0]!.error, /process ended during its analysis, 3 times/);
    assert.equal(await started.audit.count("completed"), THOUGHTS - 1);
  },
);
