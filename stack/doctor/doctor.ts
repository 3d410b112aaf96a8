/** What must hold before the stack can start; each check is one finding, with its remedy. */
import type { Compose, Declared } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { checkConfigFiles } from "./config_files.ts";
import { checkCompose, checkEngine, checkPlatform } from "./engine.ts";
import { checkExtensions } from "./extensions.ts";
import { checkImages } from "./images.ts";
import { checkEnvFile } from "./passwords.ts";
import { checkProject } from "./project.ts";
import { checkPorts } from "./ports.ts";
import { checkDisk, checkMemory } from "./resources.ts";
import type { Paths } from "../paths.ts";
import type { Host } from "../host.ts";
import type { Check } from "../checklist.ts";
import type { Selection } from "../services.ts";

export interface Examined {
  readonly host: Host;
  readonly paths: Paths;
  readonly docker: Docker;
  readonly compose: Compose;
  readonly selection: Selection;
  /** Whether to ask registries about missing images; `up` simply pulls them. */
  readonly askRegistries: boolean;
}

export function doctorChecks(examined: Examined): Check[] {
  const { host, paths, docker, compose, selection, askRegistries } = examined;
  const declared = async (): Promise<Declared[]> => {
    const { services } = await compose.config();
    return services.filter((s) => selection.wanted.some((wanted) => wanted.name === s.name));
  };
  return [
    { name: "docker", run: () => checkEngine(docker) },
    { name: "compose", after: ["docker"], run: () => checkCompose(docker) },
    { name: "platform", after: ["docker"], run: () => checkPlatform(docker) },
    { name: "project", after: ["compose"], run: () => checkProject({ docker, compose, paths }) },
    { name: ".env", after: ["project"], run: () => checkEnvFile(paths, docker, compose) },
    { name: "memory", after: ["docker"], run: () => checkMemory(docker) },
    { name: "disk", after: ["docker"], run: () => checkDisk(host, docker) },
    { name: "config files", run: () => checkConfigFiles(paths.dir) },
    { name: "extensions", run: () => checkExtensions(paths) },
    {
      name: "ports",
      after: [".env"],
      run: async () =>
        checkPorts({ host, docker, paths, declared: await declared(), containers: await compose.ps() }),
    },
    {
      name: "images",
      after: [".env"],
      run: async () => checkImages(docker, await declared(), askRegistries),
    },
  ];
}
