/** How this engine needs to differ from docker-compose.yml's defaults. */
import type { Finding } from "../checklist.ts";
import type { Compose } from "./compose.ts";
import type { Docker } from "./docker.ts";

/** Every limit of CPU time in docker-compose.yml. */
export const CPU_VARIABLES = [
  "API_CPUS",
  "WORKER_CPUS",
  "POSTGRES_CPUS",
  "REDIS_CPUS",
  "KAFKA_CPUS",
  "PROMETHEUS_CPUS",
  "GRAFANA_CPUS",
  "LOKI_CPUS",
  "TEMPO_CPUS",
  "PROMTAIL_CPUS",
  "CANARY_CPUS",
  "SMALL_CPUS",
] as const;

/** Where Docker keeps log files unless its root has moved. */
const DEFAULT_LOG_FOLDER = "/var/lib/docker/containers";

/** Variables for Compose: no CPU limits if the kernel has none, and the folder of Docker's log files. */
export async function engineVariables(docker: Docker, compose: Compose): Promise<Record<string, string>> {
  const [info, logFolder] = await Promise.all([docker.info(), logFolderOf(compose)]);
  if (!info) return {};
  const actual = `${info.root}/containers`;
  return {
    ...(!info.cpuQuota && Object.fromEntries(CPU_VARIABLES.map((name) => [name, "0"]))),
    ...(info.root && logFolder === DEFAULT_LOG_FOLDER && actual !== DEFAULT_LOG_FOLDER &&
      { DOCKER_CONTAINERS_DIR: actual }),
  };
}

/**
 * Whether containers can see the log files that Promtail reads: on WSL2 with Docker Desktop and in some other
 * virtual machines they cannot.
 *
 * @param image one that is present and has a shell
 */
export async function checkLogFiles(docker: Docker, compose: Compose, image: string): Promise<Finding> {
  const folder = await logFolderOf(compose);
  const why = folder && await docker.cannotSee(folder, "*/*-json.log", image);
  if (!why) return { text: `containers can read ${folder}` };
  return {
    warn: true,
    text: "promtail is left out: containers cannot see Docker's log files",
    notes: [`${folder}: ${why}`, "Loki gets no lines; read them with `logs`, and see docs/platforms.md"],
  };
}

async function logFolderOf(compose: Compose): Promise<string | undefined> {
  const { services } = await compose.config();
  const promtail = services.find(({ name }) => name === "promtail");
  return promtail?.mounts.find(({ target }) => target === DEFAULT_LOG_FOLDER)?.source;
}
