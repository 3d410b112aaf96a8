/** A store that accepts connections and never responds. */
import assert from "node:assert/strict";
import { lastFor } from "./duration.ts";
import { type Load, startLoad } from "./load.ts";
import { report } from "./report.ts";
import { faultTest, type Service, service } from "./services.ts";
import { assertNoneEnded, assertNothingLostOrTwice, startSystem } from "./system.ts";

/** How long each is silent: longer than its callers are willing to wait. */
const SILENCE_S = { redis: 5, kafka: 16, postgres: 14 } as const satisfies Record<Service, number>;

faultTest("a Redis, Kafka or PostgreSQL that accepts and never answers loses nothing", async (services) => {
  await using system = await startSystem(services, { env: { REQUEUE_AFTER_MS: "86400000" } });
  const before: Load[] = [];
  for (const which of ["redis", "kafka", "postgres"] as const) {
    const load = startLoad({ api: () => system.api.url, thoughts: 600, perSecond: 60 });
    await service("freeze", which);
    await lastFor(SILENCE_S[which]);
    await service("thaw", which);
    const mendedAt = performance.now();
    await load.done;
    await system.settled();

    if (which !== "postgres") assert.equal(load.refused + load.unanswered, 0, `${which} delays nobody`);
    before.push(load);
    const verdict = await assertNothingLostOrTwice(system, ...before);
    report(
      `${which} silent for ${SILENCE_S[which]} s`,
      load,
      verdict,
      (performance.now() - mendedAt) / 1_000,
    );
  }
  assertNoneEnded(system);
});
