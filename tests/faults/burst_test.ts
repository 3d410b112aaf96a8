/** A burst of thoughts far above what the workers process. */
import assert from "node:assert/strict";
import { startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest, service } from "./services.ts";
import { assertNothingLostOrTwice, startSystem } from "./system.ts";
import { waitFor } from "../support/wait.ts";

const MAX_MEMORY_BYTES = 500e6;

faultTest(
  "a burst of 10,000 on a stalled database is refused in part, in bounded memory, and none is lost",
  async (services) => {
    await using system = await startSystem(services, { workers: 1 });
    await service("freeze", "postgres");
    const load = startLoad({ api: () => system.api.url, thoughts: 10_000, clients: 500 });
    await waitFor("some are refused with Retry-After", () => load.refused > 100);
    await service("thaw", "postgres");
    const mendedAt = performance.now();
    await load.done;
    await system.settled();

    for (const program of [system.api, ...system.workers]) {
      const bytes = await program.metric("app_resident_memory_bytes");
      assert.ok(bytes < MAX_MEMORY_BYTES, `${program.url} holds ${Math.round(bytes / 1e6)} MB`);
    }
    const verdict = await assertNothingLostOrTwice(system, load);
    report(
      "Burst of 10,000, 1 worker, stalled database",
      load,
      verdict,
      (performance.now() - mendedAt) / 1_000,
    );
  },
);
