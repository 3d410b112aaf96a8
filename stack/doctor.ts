import type { Compose, Declared } from "./compose.ts";
import type { Docker } from "./docker.ts";
import { checkCompose, checkEngine } from "./doctor/engine.ts";
import { checkImages } from "./doctor/images.ts";
import { checkEnvFile } from "./doctor/passwords.ts";
import { checkPorts } from "./doctor/ports.ts";
import { checkDisk, checkMemory } from "./doctor/room.ts";
import type { Home } from "./home.ts";
import type { Host } from "./host.ts";
import type { Row } from "./phase.ts";
import type { Selection } from "./services.ts";

export interface Examined {
  host: Host;
  home: Home;
  docker: Docker;
  compose: Compose;
  selection: Selection;
  /** Ask registries whether missing images can be had; `up` simply pulls them. */
  askRegistries: boolean;
}

/** What has to be so before the stack can start; each row is one finding, with how to mend it. */
export function doctorRows(examined: Examined): Row[] {
  const { host, home, docker, compose, selection, askRegistries } = examined;
  const declared = async (): Promise<Declared[]> => {
    const { services } = await compose.config();
    return services.filter((s) => selection.wanted.some((wanted) => wanted.name === s.name));
  };
  return [
    { name: "docker", run: () => checkEngine(docker) },
    { name: "compose", after: ["docker"], run: () => checkCompose(docker) },
    { name: ".env", after: ["compose"], run: () => checkEnvFile(home, docker, compose) },
    { name: "memory", after: ["docker"], run: () => checkMemory(docker) },
    { name: "disk", run: () => checkDisk(home.dir) },
    {
      name: "ports",
      after: [".env"],
      run: async () => checkPorts(host, docker, await declared(), await compose.ps()),
    },
    {
      name: "images",
      after: [".env"],
      run: async () => checkImages(docker, await declared(), askRegistries),
    },
  ];
}
