/** Replaces the workers by others with a different environment. */
import { type Compose, lastLine } from "../docker/compose.ts";
import { type Fault, healthyAgain, throwIfRefused } from "./fault.ts";

/** A batch in progress is finished first. */
const REPLACED_MS = 180_000;

export interface ReplacedWorkersOptions {
  /** The other workers' environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** "slow ones" */
  readonly by: string;
}

export function replacedWorkers({ environment, by }: ReplacedWorkersOptions): Fault {
  return {
    async inject(context, progress) {
      await replace(context.compose.withEnvironment(environment), progress.signal);
      await healthyAgain(context, "kafka-worker", progress);
      return `replaced the workers by ${by}`;
    },
    async repair(context, progress) {
      progress.say("the workers finish what they hold");
      await replace(context.compose, progress.signal);
      return await healthyAgain(context, "kafka-worker", progress);
    },
  };
}

/** An analyser that takes longer than a thought may take. */
export const slowAnalyser = replacedWorkers({ environment: { ANALYSER: "slow" }, by: "slow ones" });

/** A language model that refuses connections: nothing listens on that port inside a worker's container. */
export const modelDown = replacedWorkers({
  environment: { ANALYSER: "openai", OPENAI_BASE_URL: "http://127.0.0.1:9/v1" },
  by: "ones whose model refuses connections",
});

async function replace(compose: Compose, signal: AbortSignal): Promise<void> {
  const { code, stderr, timedOut } = await compose.up(["kafka-worker"], REPLACED_MS, signal);
  const why = timedOut ? `not done after ${REPLACED_MS / 1_000} s` : lastLine(stderr);
  throwIfRefused("the workers cannot be replaced", code === 0 ? undefined : why);
}
