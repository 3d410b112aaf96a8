import { LaunchFailure } from "../failure.ts";
import type { RunningRow } from "../checklist.ts";
import type { ServiceName } from "../services.ts";
import type { Session } from "../context.ts";
import { until } from "../wait.ts";

/** A way to break the stack, and to make it well again. */
export interface Damage {
  /** Breaks it. @returns what was done @throws {LaunchFailure} when that does not work */
  inflict(session: Session, row: RunningRow): Promise<string>;
  /**
   * Makes it well, whatever it finds: all of the damage, some, or none.
   *
   * @returns what was done
   * @throws {LaunchFailure} when it is not well in time
   */
  mend(session: Session, row: RunningRow): Promise<string>;
}

/** From a start to a health check that passes; a consumer group waits up to 15 s for members that went away. */
const HEALTHY_MS = 120_000;

/** Waits until every container of a service runs and is healthy. */
export async function healthyAgain(
  { host, compose }: Session,
  service: ServiceName,
  { say, signal }: RunningRow,
): Promise<string> {
  return await until(async () => {
    const own = (await compose.ps()).filter((c) => c.service === service);
    const sick = own.find((c) => c.state !== "running" || c.health !== "healthy");
    if (own.length === 0) return { pending: `${service} has no container` };
    return sick ? { pending: `${sick.name}: ${sick.health || sick.state}` } : { ready: `${service} healthy` };
  }, {
    host,
    deadlineMs: HEALTHY_MS,
    signal,
    say,
    late: (why) => notMended(service, why),
  });
}

/** For a step of Docker's that gave a reason why not. */
export function mustWork(what: string, why: string | undefined): void {
  if (why === undefined) return;
  throw new LaunchFailure("drill", {
    what,
    cause: why,
    next: ["see what runs: deno task monitoring status"],
  });
}

function notMended(service: ServiceName, why: string): LaunchFailure {
  return new LaunchFailure("drill", {
    what: `${service} is not well again after the drill`,
    cause: why,
    next: [`see what it says: deno task monitoring logs ${service}`, "start it again: deno task monitoring"],
  });
}
