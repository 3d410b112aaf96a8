/** A way to break the stack, and to repair it. */
import type { Progress } from "../checklist.ts";
import type { Context } from "../context.ts";
import { LaunchFailure } from "../failure.ts";
import type { ServiceName } from "../services.ts";
import { until } from "../wait.ts";

export interface Fault {
  /** @returns what was broken @throws {LaunchFailure} when that does not work */
  inject(context: Context, progress: Progress): Promise<string>;
  /**
   * Repairs what it finds: all of the fault, part of it, or none.
   *
   * @returns what was done
   * @throws {LaunchFailure} when it is not healthy in time
   */
  repair(context: Context, progress: Progress): Promise<string>;
}

/** From a start to a health check that passes; a consumer group waits up to 15 s for members that left. */
const HEALTHY_MS = 120_000;

/** Waits until every container of a service runs and is healthy. */
export async function healthyAgain(
  { host, compose }: Context,
  service: ServiceName,
  { say, signal }: Progress,
): Promise<string> {
  const late = (why: string) =>
    new LaunchFailure("drill", {
      what: `${service} is not healthy after the drill`,
      cause: why,
      next: [
        { text: "see what it says", verb: `logs ${service}` },
        { text: "start it again", verb: "" },
      ],
    });
  return await until(async () => {
    const own = (await compose.ps()).filter((container) => container.service === service);
    const sick = own.find(({ state, health }) => state !== "running" || health !== "healthy");
    if (own.length === 0) return { pending: `${service} has no container` };
    return sick ? { pending: `${sick.name}: ${sick.health || sick.state}` } : { ready: `${service} healthy` };
  }, { host, deadlineMs: HEALTHY_MS, signal, say, late });
}

/** For a Docker command that returns why it failed, or undefined. */
export function throwIfRefused(what: string, why: string | undefined): void {
  if (why === undefined) return;
  throw new LaunchFailure("drill", {
    what,
    cause: why,
    next: [{ text: "see what is running", verb: "status" }],
  });
}
