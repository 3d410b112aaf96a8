/** Replaces the workers by others whose analyser takes longer than a thought may take. */
import { type Compose, lastLine } from "../docker/compose.ts";
import { type Fault, healthyAgain, throwIfRefused } from "./fault.ts";

/** A batch that is under way is finished first. */
const REPLACED_MS = 180_000;

export const slowAnalyser: Fault = {
  async inject(context, progress) {
    await replaceWorkers(context.compose.withEnvironment({ ANALYSER: "slow" }), progress.signal);
    await healthyAgain(context, "kafka-worker", progress);
    return "replaced the workers by slow ones";
  },
  async repair(context, progress) {
    progress.say("slow workers finish what they hold");
    await replaceWorkers(context.compose, progress.signal);
    return await healthyAgain(context, "kafka-worker", progress);
  },
};

async function replaceWorkers(compose: Compose, signal: AbortSignal): Promise<void> {
  const { code, stderr, timedOut } = await compose.up(["kafka-worker"], REPLACED_MS, signal);
  const why = timedOut ? `not done after ${REPLACED_MS / 1_000} s` : lastLine(stderr);
  throwIfRefused("the workers cannot be replaced", code === 0 ? undefined : why);
}
