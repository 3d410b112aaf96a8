/** The last log lines of one service, or of all. */
import type { Context } from "../context.ts";
import { lastLine } from "../docker/compose.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";
import { SERVICES } from "../services.ts";
import { suggestion } from "../suggestion.ts";

const LINES = 200;

/** Hands the terminal to `docker compose logs`. @returns its exit code */
export async function attachLogs({ host, paths, compose, options }: Context): Promise<number> {
  const follow = options.follow ? ["--follow"] : [];
  const args = ["logs", "--tail", String(LINES), ...follow, ...service(options.service)];
  return await host.attach("docker", compose.commandLine(args), {
    cwd: paths.dir,
    env: { ...compose.environment },
  });
}

/** The lines as part of the report. */
export async function logs(context: Context): Promise<Report> {
  const { compose, options } = context;
  if (options.follow) {
    throw new LaunchFailure("usage", {
      what: "--follow does not go with --json",
      cause: "one JSON object cannot follow a log",
      next: ["omit one of them"],
    });
  }
  const { code, stdout, stderr } = await compose.tail(LINES, service(options.service));
  if (code !== 0) {
    throw new LaunchFailure("service", {
      what: "The logs cannot be read",
      cause: lastLine(stderr),
      next: [{ text: "see what is running", verb: "status" }],
    });
  }
  return createReport(context, { lines: stdout.split("\n").filter((line) => line !== "") });
}

function service(name: string | undefined): string[] {
  if (name === undefined) return [];
  const names = SERVICES.map((service) => service.name);
  if (names.some((known) => known === name)) return [name];
  throw new LaunchFailure("usage", {
    what: `There is no service "${name}"`,
    next: [...suggestion(name, names), `one of: ${names.join(", ")}`],
  });
}
