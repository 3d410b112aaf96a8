/** Docker and its Compose plugin: there, running and new enough. */
import type { Docker } from "../docker/docker.ts";
import { prerequisite, type Step } from "../failure.ts";

const OLDEST_ENGINE = "20.10.0";
/** 2.20: the first that waits for a health check of an optional dependency. */
const OLDEST_COMPOSE = "2.20.0";

const WITHOUT_DOCKER: Step = {
  text: "or run API and worker in one process, without Docker and dashboards",
  task: "dev",
};

export async function checkEngine(docker: Docker): Promise<string> {
  const engine = await docker.engine();
  if (engine.state === "absent") {
    throw prerequisite("Docker is not installed", {
      cause: "there is no `docker` on the PATH",
      next: ["install it: https://docs.docker.com/get-started/get-docker/", WITHOUT_DOCKER],
    });
  }
  if (engine.state === "unreachable") {
    const denied = /permission denied/i.test(engine.why);
    throw prerequisite(
      denied ? "This user is not allowed to use Docker" : "Docker is installed, but not running",
      {
        cause: engine.why,
        next: [
          denied
            ? "sudo usermod -aG docker $USER, then log in again"
            : "start Docker Desktop, or: sudo systemctl start docker",
          WITHOUT_DOCKER,
        ],
      },
    );
  }
  if (older(engine.version, OLDEST_ENGINE)) {
    throw prerequisite(`Docker ${engine.version} is too old`, {
      cause: `the stack needs ${OLDEST_ENGINE}`,
      next: ["update it: https://docs.docker.com/engine/install/", WITHOUT_DOCKER],
    });
  }
  return `engine ${engine.version}`;
}

export async function checkCompose(docker: Docker): Promise<string> {
  const version = await docker.composeVersion();
  if (version && !older(version, OLDEST_COMPOSE)) return `plugin ${version}`;
  throw prerequisite(version ? `Docker Compose ${version} is too old` : "Docker Compose is missing", {
    cause: version ? `the stack needs ${OLDEST_COMPOSE}` : "`docker compose version` fails",
    next: ["install the plugin: https://docs.docker.com/compose/install/", WITHOUT_DOCKER],
  });
}

/** Whether a version is older, by its first three numbers. */
function older(version: string, least: string): boolean {
  const numbers = (text: string) => text.split(/[.+-]/).slice(0, 3).map(Number);
  const [have, want] = [numbers(version), numbers(least)];
  const i = want.findIndex((n, at) => n !== (have[at] ?? 0));
  return i !== -1 && (have[i] ?? 0) < want[i]!;
}
