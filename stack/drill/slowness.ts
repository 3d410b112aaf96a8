import { type Compose, lastLine } from "../docker/compose.ts";
import { type Damage, healthyAgain, mustWork } from "./damage.ts";

/** A batch that is under way is finished first. */
const REPLACED_MS = 180_000;

/** Replaces the workers by others whose analyser takes longer than a thought may take. */
export const slowness: Damage = {
  async inflict(session, row) {
    await replaceWorkers(session.compose.with({ ANALYSER: "slow" }), row.signal);
    await healthyAgain(session, "kafka-worker", row);
    return "replaced the workers by slow ones";
  },
  async mend(session, row) {
    row.say("slow workers finish what they hold");
    await replaceWorkers(session.compose, row.signal);
    return await healthyAgain(session, "kafka-worker", row);
  },
};

async function replaceWorkers(compose: Compose, signal: AbortSignal): Promise<void> {
  const { code, stderr, timedOut } = await compose.up(["kafka-worker"], REPLACED_MS, signal);
  const why = timedOut ? `not done after ${REPLACED_MS / 1000} s` : lastLine(stderr);
  mustWork("the workers cannot be replaced", code === 0 ? undefined : why);
}
