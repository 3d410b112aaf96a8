/** What every verb works with. */
import type { View } from "./checklist.ts";
import type { Options } from "./cli.ts";
import { type Compose, createCompose } from "./docker/compose.ts";
import { createDocker, type Docker } from "./docker/docker.ts";
import { projectVariables } from "./docker/side_by_side.ts";
import { readApiKey } from "./docker/api_key.ts";
import { assertDocker } from "./doctor/engine.ts";
import { createEndpoints } from "./endpoints.ts";
import { LaunchFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import { type LastUp, NOTHING_LEFT_OUT, readLastUp } from "./last_up.ts";
import type { Login } from "./output/report.ts";
import type { Paths } from "./paths.ts";
import type { RunningStack } from "./running_stack.ts";
import { leftOutVariables, select, type Selection } from "./services.ts";

export interface Context {
  readonly host: Host;
  readonly paths: Paths;
  readonly view: View;
  readonly options: Options;
  readonly docker: Docker;
  readonly compose: Compose;
  readonly selection: Selection;
  readonly lastUp: LastUp;
  /** By the host's clock, in milliseconds. */
  readonly startedAt: number;
}

/** `up` uses its own options; every other verb those of the last `up`. */
export async function openContext(host: Host, paths: Paths, view: View, options: Options): Promise<Context> {
  const saved = await readLastUp(paths.lastUpFile);
  const last = options.verb === "up" ? { ...NOTHING_LEFT_OUT, project: saved.project } : saved;
  const lastUp: LastUp = {
    without: options.without ?? last.without,
    workers: options.workers ?? last.workers,
    environment: last.environment,
    project: await projectOf(host, paths, options, last),
  };
  const selection = select(lastUp.without);
  const environment = {
    ...lastUp.environment,
    ...lastUp.project,
    ...leftOutVariables(selection),
    ...(lastUp.workers !== undefined && { WORKER_REPLICAS: `${lastUp.workers}` }),
  };
  const compose = createCompose({ host, paths, environment });
  const docker = createDocker(host);
  return { host, paths, view, options, docker, compose, selection, lastUp, startedAt: host.now() };
}

async function projectOf(
  host: Host,
  paths: Paths,
  { project }: Options,
  last: LastUp,
): Promise<LastUp["project"]> {
  if (project === undefined || project === last.project.COMPOSE_PROJECT_NAME) return last.project;
  await assertDocker(createDocker(host));
  return await projectVariables(project, createCompose({ host, paths }));
}

/** Grafana's administrator, as Compose itself reads the environment, `.env` and docker-compose.yml. */
export async function grafanaLogin({ compose, paths }: Context): Promise<Login> {
  const { services } = await compose.config();
  const variable = (service: string, name: string) =>
    services.find((declared) => declared.name === service)?.environment[name] || "admin";
  return {
    user: variable("grafana", "GF_SECURITY_ADMIN_USER"),
    password: variable("secrets", "GRAFANA_ADMIN_PASSWORD"),
    file: paths.envFile,
  };
}

/**
 * Looks at the running stack.
 *
 * @throws {LaunchFailure} of kind service, when there is none
 */
export async function observe(context: Context): Promise<RunningStack> {
  const { host, paths, compose, selection } = context;
  const [containers, { services }, login] = await Promise.all([
    compose.ps(),
    compose.config(),
    grafanaLogin(context),
  ]);
  if (containers.length === 0) throw notRunning();
  return {
    host,
    paths,
    selection,
    endpoints: createEndpoints(containers),
    workers: services.find((service) => service.name === "kafka-worker")?.replicas ?? 1,
    grafanaLogin: `${login.user}:${login.password}`,
    apiKey: await readApiKey(context),
  };
}

export function notRunning(): LaunchFailure {
  return new LaunchFailure("service", {
    what: "The stack is not running",
    next: [{ text: "start it", verb: "" }],
  });
}
