/** Stops a service's containers, like a crash that nothing restarts. */
import type { Context } from "../context.ts";
import type { ServiceName } from "../services.ts";
import { type Fault, healthyAgain, throwIfRefused } from "./fault.ts";

/** @param most of its containers @default all */
export function serviceStop(service: ServiceName, { most = Infinity } = {}): Fault {
  const containers = async ({ compose }: Context) =>
    (await compose.ps()).filter((container) => container.service === service)
      .toSorted((a, b) => a.name < b.name ? -1 : 1);
  return {
    async inject(context) {
      const names = (await containers(context)).map(({ name }) => name).slice(0, most);
      throwIfRefused(`${service} cannot be stopped`, await context.docker.stop(names));
      return `stopped ${names.join(", ")}`;
    },
    async repair(context, progress) {
      const stopped = (await containers(context)).filter(({ state }) => state !== "running")
        .map(({ name }) => name);
      if (stopped.length > 0) {
        throwIfRefused(`${service} cannot be started`, await context.docker.start(stopped));
      }
      return await healthyAgain(context, service, progress);
    },
  };
}
