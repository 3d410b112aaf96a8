/** `.env`: present, with its own passwords, and readable only by its owner. */
import { join } from "node:path";
import type { Compose } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import { makeEnvFile } from "../docker/env_file.ts";
import type { Paths } from "../paths.ts";
import type { Finding } from "../checklist.ts";

/** Creates the file on the first run. */
export async function checkEnvFile(
  paths: Paths,
  docker: Docker,
  compose: Compose,
): Promise<string | Finding> {
  const example = await Deno.readTextFile(join(paths.dir, ".env.example"));
  if (await makeEnvFile(paths.envFile, example)) {
    const { project } = await compose.config();
    const old = (await docker.volumes(project)).filter((name) => /(postgres|grafana)_data$/.test(name));
    if (old.length === 0) return "created, with random passwords, readable only by you";
    return {
      warn: true,
      text: `created, but ${old.join(" and ")} still hold older passwords`,
      notes: ["if a login fails: restore the old .env, or start afresh with `down --volumes`"],
    };
  }
  const { mode } = await Deno.stat(paths.envFile);
  if (mode !== null && (mode & 0o077) !== 0) {
    return { warn: true, text: "other users can read its passwords", notes: [`chmod 600 ${paths.envFile}`] };
  }
  return "readable only by you";
}
