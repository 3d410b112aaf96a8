/** Disconnects a service from one of the stack's networks, like a pulled cable. */
import type { Context } from "../context.ts";
import type { ServiceName } from "../services.ts";
import { type Fault, healthyAgain, throwIfRefused } from "./fault.ts";

export function networkCut(service: ServiceName, network: string): Fault {
  const find = async ({ compose }: Context) => {
    const [{ project }, containers] = await Promise.all([compose.config(), compose.ps()]);
    return {
      name: `${project}_${network}`,
      containers: containers.filter((container) => container.service === service).map(({ name }) => name),
    };
  };
  return {
    async inject(context) {
      const { name, containers } = await find(context);
      for (const container of containers) {
        throwIfRefused(
          `${service} cannot be disconnected`,
          await context.docker.disconnect(name, container),
        );
      }
      return `took ${containers.join(", ")} off the network ${name}`;
    },
    async repair(context, progress) {
      const { name, containers } = await find(context);
      for (const container of containers) {
        // Compose gives every container its service's name as an alias; Docker alone would not.
        throwIfRefused(
          `${service} cannot be connected`,
          await context.docker.connect(name, container, service),
        );
      }
      return await healthyAgain(context, service, progress);
    },
  };
}
