import type { Asked } from "./cli.ts";
import { type Choice, lastChoice } from "./choice.ts";
import { Compose } from "./docker/compose.ts";
import { Docker } from "./docker/docker.ts";
import { Endpoints } from "./docker/endpoints.ts";
import { readEnvFile } from "./docker/env_file.ts";
import { LaunchFailure } from "./failure.ts";
import type { Home } from "./paths.ts";
import type { Host } from "./host.ts";
import type { View } from "./checklist.ts";
import type { Proven } from "./proof/context.ts";
import { select, type Selection } from "./services.ts";

/** What every verb works with. */
export interface Session {
  host: Host;
  home: Home;
  view: View;
  asked: Asked;
  docker: Docker;
  compose: Compose;
  selection: Selection;
  choice: Choice;
}

/** `up` starts what it is asked for; every other verb is about what the last `up` was asked for. */
export async function openSession(host: Host, home: Home, view: View, asked: Asked): Promise<Session> {
  const last: Choice = asked.verb === "up" ? { without: [] } : await lastChoice(home.choiceFile);
  const choice = { without: asked.without ?? last.without, workers: asked.workers ?? last.workers };
  const selection = select(choice.without);
  const compose = new Compose(
    host,
    home,
    choice.workers === undefined ? {} : { WORKER_REPLICAS: `${choice.workers}` },
  );
  return { host, home, view, asked, docker: new Docker(host), compose, selection, choice };
}

/** Grafana's administrator: as in `.env`, or as docker-compose.yml has it without one. */
export async function grafanaLogin(home: Home): Promise<{ user: string; password: string; file: string }> {
  const env = await readEnvFile(home.envFile);
  return {
    user: env.get("GRAFANA_ADMIN_USER") || "admin",
    password: env.get("GRAFANA_ADMIN_PASSWORD") || "admin",
    file: home.envFile,
  };
}

/**
 * Looks at the running stack.
 *
 * @throws {LaunchFailure} of kind service, when there is none
 */
export async function observe({ host, home, compose, selection }: Session): Promise<Proven> {
  const [containers, { services }, login] = await Promise.all([
    compose.ps(),
    compose.config(),
    grafanaLogin(home),
  ]);
  if (containers.length === 0) {
    throw new LaunchFailure("service", {
      what: "The stack does not run",
      next: ["start it: deno task monitoring"],
    });
  }
  return {
    host,
    home,
    selection,
    endpoints: new Endpoints(containers),
    workers: services.find((s) => s.name === "kafka-worker")?.replicas ?? 1,
    grafanaLogin: `${login.user}:${login.password}`,
  };
}
