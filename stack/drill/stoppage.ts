import type { ServiceName } from "../services.ts";
import type { Session } from "../context.ts";
import { type Damage, healthyAgain, mustWork } from "./damage.ts";

/**
 * Stops a service's containers, as a crash that nothing restarts.
 *
 * @param most of its containers @default all
 */
export function stoppage(service: ServiceName, { most = Infinity } = {}): Damage {
  const containers = async ({ compose }: Session) =>
    (await compose.ps()).filter((c) => c.service === service).toSorted((a, b) => a.name < b.name ? -1 : 1);
  return {
    async inflict(session) {
      const names = (await containers(session)).map((c) => c.name).slice(0, most);
      mustWork(`${service} cannot be stopped`, await session.docker.stop(names));
      return `stopped ${names.join(", ")}`;
    },
    async mend(session, row) {
      const stopped = (await containers(session)).filter((c) => c.state !== "running").map((c) => c.name);
      if (stopped.length > 0) {
        mustWork(`${service} cannot be started`, await session.docker.start(stopped));
      }
      return await healthyAgain(session, service, row);
    },
  };
}
