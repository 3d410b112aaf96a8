/** The addresses of the running services on this machine, as Docker publishes them. */
import type { Container } from "./docker/compose.ts";
import { LaunchFailure } from "./failure.ts";
import { type Service, type ServiceName, SERVICES } from "./services.ts";

export interface Endpoints {
  /** Base addresses, one for each running container of the service that publishes its port. */
  all(name: ServiceName): string[];
  /**
   * The first base address of a service.
   *
   * @throws {LaunchFailure} of kind service, when no container of it runs
   */
  of(name: ServiceName): string;
}

export function createEndpoints(containers: readonly Container[]): Endpoints {
  function all(name: ServiceName): string[] {
    const services: readonly Service[] = SERVICES;
    const port = services.find((service) => service.name === name)?.port;
    return containers
      .filter((container) => container.service === name && container.state === "running")
      .flatMap(({ ports }) => ports.filter(({ container }) => container === port).slice(0, 1))
      .map(({ host }) => `http://127.0.0.1:${host}`)
      .sort();
  }
  function of(name: ServiceName): string {
    const [url] = all(name);
    if (url) return url;
    const container = containers.find(({ service }) => service === name);
    throw new LaunchFailure("service", {
      what: `${name} is not running`,
      cause: container ? `its container is ${container.state}` : "it has no container",
      next: [
        { text: "start it", verb: "" },
        { text: "see why it stopped", verb: `logs ${name}` },
      ],
    });
  }
  return { all, of };
}
