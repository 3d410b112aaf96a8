import { LaunchFailure } from "../failure.ts";
import { SERVICES } from "../services.ts";
import type { Session } from "../context.ts";

const LINES = 200;

/** Hands the terminal to `docker compose logs`. @returns its exit code */
export async function logs({ host, home, compose, asked }: Session): Promise<number> {
  const { service, follow } = asked;
  if (service !== undefined && !SERVICES.some((s) => s.name === service)) {
    throw new LaunchFailure("usage", {
      what: `There is no service "${service}"`,
      next: [`one of: ${SERVICES.map((s) => s.name).join(", ")}`],
    });
  }
  const args = [
    "logs",
    "--tail",
    String(LINES),
    ...(follow ? ["--follow"] : []),
    ...(service ? [service] : []),
  ];
  return await host.attach("docker", compose.commandLine(args), {
    cwd: home.dir,
    env: { ...compose.environment },
  });
}
