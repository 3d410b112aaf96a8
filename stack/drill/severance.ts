import type { ServiceName } from "../services.ts";
import type { Session } from "../context.ts";
import { type Damage, healthyAgain, mustWork } from "./damage.ts";

/** Takes a service off one of the stack's networks, as a cable that is pulled. */
export function severance(service: ServiceName, network: string): Damage {
  const find = async ({ compose }: Session) => {
    const [{ project }, containers] = await Promise.all([compose.config(), compose.ps()]);
    return {
      name: `${project}_${network}`,
      containers: containers.filter((c) => c.service === service).map((c) => c.name),
    };
  };
  return {
    async inflict(session) {
      const { name, containers } = await find(session);
      for (const container of containers) {
        mustWork(`${service} cannot be cut off`, await session.docker.disconnect(name, container));
      }
      return `took ${containers.join(", ")} off the network ${name}`;
    },
    async mend(session, row) {
      const { name, containers } = await find(session);
      for (const container of containers) {
        // Compose gives every container its service's name; Docker alone would not.
        mustWork(
          `${service} cannot be connected`,
          await session.docker.connect(name, container, service),
        );
      }
      return await healthyAgain(session, service, row);
    },
  };
}
