/**
 * Which folder's stack has this project's name: two with one name would share containers and data, but not
 * passwords.
 */
import { dirname } from "node:path";
import type { Compose } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { prerequisite } from "../failure.ts";
import type { Paths } from "../paths.ts";

export interface ProjectOptions {
  readonly docker: Docker;
  readonly compose: Compose;
  readonly paths: Paths;
}

/** @throws {LaunchFailure} when containers of this name were started from another folder */
export async function checkProject({ docker, compose, paths }: ProjectOptions): Promise<string> {
  const { project } = await compose.config();
  const other = (await docker.projectFolders(project)).find((folder) => !isOurs(folder, paths));
  if (other === undefined) return project;
  throw prerequisite(`Another folder's stack has the name ${project}`, {
    cause: `it was started in ${other}, and its data is not this folder's`,
    next: [
      `use it there: cd ${other}`,
      { text: "or start a second one beside it, with ports of its own", verb: `up --project ${project}-2` },
      `or, if that folder is gone, remove its containers and keep its data: docker compose --project-name ${project} down`,
    ],
  });
}

/** The folder itself; of a packed launcher also those of its other versions, which share its `.env`. */
function isOurs(folder: string, { dir, envFile }: Paths): boolean {
  const shared = dirname(envFile);
  return folder === dir || (shared !== dir && dirname(folder) === shared);
}
