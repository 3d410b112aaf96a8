/** Docker and its Compose plugin: installed, running, of the right kind and new enough. */
import type { Finding } from "../checklist.ts";
import type { Docker, EngineInfo } from "../docker/docker.ts";
import { LaunchFailure, prerequisite, type Step } from "../failure.ts";

/** Kafka's image needs it: older engines refuse a system call of its JVM. */
const OLDEST_ENGINE = "20.10.4";
/** The first that can wait for an optional dependency's health check. */
const OLDEST_COMPOSE = "2.20.0";
/** Engine 29 refuses the API of older ones. */
const OLDEST_COMPOSE_FOR_ENGINE_29 = "2.24.0";
/** Compose from 2.40.2 on builds with it, or without buildx; an older one it refuses. */
const OLDEST_BUILDX = "0.17.0";
const COMPOSE_NEEDS_BUILDX = "2.40.2";

const WITHOUT_DOCKER: Step = {
  text: "or run API and worker in one process, without Docker and dashboards",
  task: "dev",
};

/** For verbs that do not show a checklist. @throws {LaunchFailure} with what doctor would say */
export async function assertDocker(docker: Docker): Promise<void> {
  await checkEngine(docker);
  await checkCompose(docker);
}

export async function checkEngine(docker: Docker): Promise<string | Finding> {
  const engine = await docker.engine();
  if (engine.state === "absent") {
    throw prerequisite("Docker is not installed", {
      cause: "there is no `docker` on the PATH",
      next: ["install it: https://docs.docker.com/get-started/get-docker/", WITHOUT_DOCKER],
    });
  }
  if (engine.state === "podman") {
    throw prerequisite("This is Podman, and the stack needs Docker", {
      cause:
        "Podman cannot give each replica a port of a range, cannot mount a tmpfs with an owner, and logs in another format",
      next: ["install Docker beside it: https://docs.docker.com/engine/install/", WITHOUT_DOCKER],
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
  if (isOlder(engine.version, OLDEST_ENGINE)) {
    throw prerequisite(`Docker ${engine.version} is too old`, {
      cause: `the stack needs ${OLDEST_ENGINE}`,
      next: ["update it: https://docs.docker.com/engine/install/", WITHOUT_DOCKER],
    });
  }
  return `engine ${engine.version}`;
}

export async function checkCompose(docker: Docker): Promise<string | Finding> {
  const [version, engine, buildx] = await Promise.all([
    docker.composeVersion(),
    docker.engine(),
    docker.buildxVersion(),
  ]);
  const engineVersion = engine.state === "running" ? engine.version : "0";
  const isEngine29 = !isOlder(engineVersion, "29.0.0");
  const least = isEngine29 ? OLDEST_COMPOSE_FOR_ENGINE_29 : OLDEST_COMPOSE;
  if (!version || isOlder(version, least)) {
    throw prerequisite(version ? `Docker Compose ${version} is too old` : "Docker Compose is missing", {
      cause: version
        ? `the stack needs ${least}${isEngine29 ? ` with engine ${engineVersion}` : ""}`
        : "`docker compose version` fails",
      next: ["install the plugin: https://docs.docker.com/compose/install/", WITHOUT_DOCKER],
    });
  }
  if (buildx && isOlder(buildx, OLDEST_BUILDX) && !isOlder(version, COMPOSE_NEEDS_BUILDX)) {
    return {
      warn: true,
      text: `plugin ${version}, which refuses to build with buildx ${buildx}`,
      notes: [`update buildx to ${OLDEST_BUILDX}, or remove it, or use an image that is there: --no-build`],
    };
  }
  return `plugin ${version}`;
}

/**
 * The kind of Docker, and what it means for the stack.
 * @throws {LaunchFailure} if it is on another machine
 */
export async function checkPlatform(docker: Docker): Promise<string | Finding> {
  const [info, endpoint] = await Promise.all([docker.info(), docker.endpoint()]);
  if (endpoint && isRemote(endpoint)) {
    throw new LaunchFailure("prerequisite", {
      what: "Docker runs on another machine",
      cause: `${endpoint}: its containers would mount folders there, and publish their ports there`,
      next: [
        "run this command on that machine",
        "or use a local engine: unset DOCKER_HOST, docker context use default",
      ],
    });
  }
  if (!info) return { warn: true, text: "Docker does not describe itself (docker info)" };
  const names = platformNames(info, endpoint);
  const text = [...names, `cgroup v${info.cgroupVersion}`].join(", ");
  const notes: string[] = [];
  if (!info.cpuQuota) notes.push("no CPU quotas (CpuCfsQuota): the CPU limits are left out");
  if (!info.memoryLimit) notes.push("no memory limits: a service may take all memory of this machine");
  if (info.logDriver !== "json-file") {
    notes.push(`its default log driver is ${info.logDriver}; the stack's services use json-file`);
  }
  return notes.some((note) => note.startsWith("no ")) ? { warn: true, text, notes } : { text, notes };
}

function platformNames({ system, kernel, name, isRootless, root }: EngineInfo, endpoint = ""): string[] {
  const names: string[] = [];
  if (/docker desktop/i.test(system)) names.push("Docker Desktop");
  if (/colima/i.test(name) || /colima/.test(endpoint)) names.push("Colima");
  if (/rancher desktop/i.test(system) || /rancher/i.test(name)) names.push("Rancher Desktop");
  if (/orbstack/i.test(system)) names.push("OrbStack");
  if (/microsoft/i.test(kernel)) names.push("WSL2");
  if (/^\/var\/snap\//.test(root)) names.push("snap");
  if (isRootless) names.push("rootless");
  return names.length > 0 ? names : [system || "Docker"];
}

function isRemote(endpoint: string): boolean {
  if (!/^(tcp|ssh|https?):/.test(endpoint)) return false;
  return endpoint.startsWith("ssh:") || !/\/\/(127\.|localhost|\[::1\])/.test(endpoint);
}

/** Whether a version is older, by its first three numbers. */
function isOlder(version: string, least: string): boolean {
  const numbers = (text: string) => text.split(/[.+-]/).slice(0, 3).map(Number);
  const [have, want] = [numbers(version), numbers(least)];
  const i = want.findIndex((n, at) => n !== (have[at] ?? 0));
  return i !== -1 && (have[i] ?? 0) < want[i]!;
}
