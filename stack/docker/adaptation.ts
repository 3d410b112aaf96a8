/** How this engine needs to differ from docker-compose.yml's defaults. */
import { posix } from "node:path";
import type { Finding } from "../checklist.ts";
import { type Compose, LOGS_BY_API } from "./compose.ts";
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
  "WEBHOOKS_CPUS",
  "CANARY_CPUS",
  "SMALL_CPUS",
] as const;

const DEFAULT_SOCKET = "/var/run/docker.sock";
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

/** How Promtail gets at the lines of containers. */
export interface LogSource {
  /** `none`: it cannot, and is left out. */
  readonly by: "files" | "api" | "none";
  readonly finding: Finding;
  /** For Compose. */
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * Finds how Promtail can read. On WSL2 with Docker Desktop, and in some other virtual machines, containers cannot see
 * the log files; there Docker's API has them, where its socket can be mounted.
 *
 * @param image one that is here and has a shell
 */
export async function findLogSource(docker: Docker, compose: Compose, image: string): Promise<LogSource> {
  const folder = await logFolderOf(compose);
  const noFiles = folder && await docker.cannotSee(folder, "*/*-json.log", image);
  if (!noFiles) return { by: "files", finding: { text: `containers can read ${folder}` }, environment: {} };
  const socket = await socketOf(docker);
  const noSocket = await docker.cannotSee(posix.dirname(socket), posix.basename(socket), image);
  if (!noSocket) {
    const finding = {
      text: "promtail reads by Docker's API: containers cannot see its log files",
      notes: [`${folder}: ${noFiles}`],
    };
    return { by: "api", finding, environment: { ...LOGS_BY_API, DOCKER_SOCKET: socket } };
  }
  return {
    by: "none",
    finding: {
      warn: true,
      text: "promtail is left out: containers cannot see Docker's log files",
      notes: [
        `${folder}: ${noFiles}`,
        `${socket}: ${noSocket}`,
        "Loki gets no lines; read them with `logs`, and see docs/platforms.md",
      ],
    },
    environment: {},
  };
}

/** A rootless engine's socket is its user's; with Docker Desktop the usual path leads into its virtual machine. */
async function socketOf(docker: Docker): Promise<string> {
  const isRootless = (await docker.info())?.isRootless;
  const own = isRootless ? /^unix:\/\/(.+)$/.exec(await docker.endpoint() ?? "")?.[1] : undefined;
  return own ?? DEFAULT_SOCKET;
}

async function logFolderOf(compose: Compose): Promise<string | undefined> {
  const { services } = await compose.config();
  const promtail = services.find(({ name }) => name === "promtail");
  return promtail?.mounts.find(({ target }) => target === DEFAULT_LOG_FOLDER)?.source;
}
