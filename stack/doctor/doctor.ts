import type { Compose, Declared } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { checkCompose, checkEngine } from "./engine.ts";
import { checkImages } from "./images.ts";
import { checkEnvFile } from "./passwords.ts";
import { checkPorts } from "./ports.ts";
import { checkDisk, checkMemory } from "./room.ts";
import type { Home } from "../paths.ts";
import type { Host } from "../host.ts";
import type { Row } from "../checklist.ts";
import type { Selection } from "../services.ts";

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
