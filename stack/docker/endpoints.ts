import type { Container } from "./compose.ts";
import { LaunchFailure } from "../failure.ts";
import { type Service, type ServiceName, SERVICES } from "../services.ts";

/** Where the running services answer on this machine, as Docker publishes them. */
export class Endpoints {
  constructor(private readonly containers: readonly Container[]) {}

  /** Base addresses, one for each running container of the service that publishes its port. */
  all(name: ServiceName): string[] {
    const services: readonly Service[] = SERVICES;
    const port = services.find((s) => s.name === name)?.port;
    return this.containers
      .filter((c) => c.service === name && c.state === "running")
      .flatMap((c) => c.ports.filter((p) => p.container === port).slice(0, 1))
      .map((p) => `http://127.0.0.1:${p.host}`)
      .sort();
  }

  /** @throws {LaunchFailure} of kind service, when none runs */
  of(name: ServiceName): string {
    const [url] = this.all(name);
    if (url) return url;
    const container = this.containers.find((c) => c.service === name);
    throw new LaunchFailure("service", {
      what: `${name} does not run`,
      cause: container ? `its container is ${container.state}` : "it has no container",
      next: ["start it: deno task monitoring", `see why it stopped: deno task monitoring logs ${name}`],
    });
  }
}
