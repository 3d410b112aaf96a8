/** Runs the command line: progress and failures go to stderr, results to stdout. */
import type { WriteStream } from "node:tty";
import type { Options, Verb } from "./cli.ts";
import { adopt } from "./commands/adopt.ts";
import { doctor } from "./commands/doctor.ts";
import { down } from "./commands/down.ts";
import { drill } from "./commands/drill.ts";
import { attachLogs, logs } from "./commands/logs.ts";
import { status } from "./commands/status.ts";
import { traffic } from "./commands/traffic.ts";
import { uninstall } from "./commands/uninstall.ts";
import { up } from "./commands/up.ts";
import { urls } from "./commands/urls.ts";
import { verify } from "./commands/verify.ts";
import { type Context, openContext } from "./context.ts";
import { assertDocker } from "./doctor/engine.ts";
import { checkProject } from "./doctor/project.ts";
import { LaunchFailure } from "./failure.ts";
import type { Host } from "./host.ts";
import type { Launcher } from "./launcher.ts";
import type { Terminal } from "./output/format.ts";
import { liveView } from "./output/live_view.ts";
import { plainView } from "./output/plain_view.ts";
import { exitCode, failureReport, failureText, type Report, toJson } from "./output/report.ts";
import { resultText } from "./output/result.ts";
import type { Paths } from "./paths.ts";

const VERBS = { up, status, verify, urls, doctor, drill, down, logs, traffic, adopt, uninstall };
/** Verbs that check Docker themselves, or do not need it. */
const CHECK_DOCKER: readonly Verb[] = ["up", "doctor", "drill", "adopt"];
/** Verbs that change the running stack, and whose checklist does not begin with its owner. */
const CHANGE_STACK: readonly Verb[] = ["down", "verify", "traffic", "uninstall"];
const OPEN_MS = 5_000;

export interface Launch {
  readonly host: Host;
  /** Finds the stack's files; may have to write them first. */
  readonly locate: () => Promise<Paths>;
  readonly options: Options;
  readonly launcher: Launcher;
  readonly streams: Streams;
}

/** The streams that a person reads. */
export interface Streams {
  readonly stdout: WriteStream;
  readonly stderr: WriteStream;
  env(name: string): string | undefined;
}

/** @returns the exit code; nothing is thrown */
export async function launch({ host, locate, options, launcher, streams }: Launch): Promise<number> {
  const { stdout, stderr } = streams;
  const { verb, json } = options;
  const terminal = () => terminalOf(stderr, streams);
  const print = (report: Report) =>
    json
      ? stdout.write(toJson(report, launcher) + "\n")
      : stdout.write(resultText(report, terminalOf(stdout, streams), launcher));
  try {
    const view = isLive(streams)
      ? liveView(stderr, terminal)
      : plainView((text) => stderr.write(text), terminal());
    const context = await openContext(host, await locate(), view, options);
    const isElsewhere = options.installation !== undefined;
    if (!CHECK_DOCKER.includes(verb) && !isElsewhere) await assertDocker(context.docker);
    if (CHANGE_STACK.includes(verb) && !isElsewhere) await checkProject(context);
    if (verb === "logs" && !json) return await attachLogs(context);
    const report = await VERBS[verb](context);
    print(report);
    for (const failure of report.failures) stderr.write(failureText(terminal(), failure, launcher));
    if (options.open && report.failures.length === 0) await open(context, report);
    return exitCode(report.failures);
  } catch (error) {
    const failure = asFailure(error, host.signal, options);
    if (json) print(failureReport(verb, failure));
    stderr.write(failureText(terminal(), failure, launcher));
    return exitCode([failure]);
  }
}

function asFailure(error: unknown, { aborted }: AbortSignal, { verb, drill }: Options): LaunchFailure {
  if (error instanceof LaunchFailure) return error;
  if (aborted) return interrupted(verb, drill);
  if (isFileError(error)) {
    return new LaunchFailure("prerequisite", {
      what: "A file cannot be read or written",
      cause: error.message,
      next: ["check who owns that path and its permissions, and that its disk is not read-only or full"],
    });
  }
  const { message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return new LaunchFailure("bug", {
    what: "The launcher failed unexpectedly",
    cause: message,
    next: ["please report it, with these lines"],
    evidence: stack.split("\n").slice(1).map((line) => line.trim()),
  });
}

/** What Ctrl-C leaves behind, and how to continue. */
function interrupted(verb: string, drill: string | undefined): LaunchFailure {
  if (verb === "drill") {
    return new LaunchFailure("interrupted", {
      what: "Interrupted. Nothing is left broken.",
      next: [{ text: "run it again", verb: `drill ${drill ?? ""}`.trim() }],
    });
  }
  if (verb === "traffic") {
    return new LaunchFailure("interrupted", {
      what: "Interrupted. The thoughts it posted are deleted.",
      next: [{ text: "run it again", verb }],
    });
  }
  if (verb === "adopt") {
    return new LaunchFailure("interrupted", {
      what: "Interrupted. Nothing was changed.",
      next: ["run the same command again"],
    });
  }
  return new LaunchFailure("interrupted", {
    what: "Interrupted. What was started is still running.",
    next: [{ text: "continue", verb: verb === "up" ? "" : verb }, { text: "stop it", verb: "down" }],
  });
}

/** Errors of the operating system about files, as Deno names them. */
function isFileError(error: unknown): error is Error {
  const { PermissionDenied, NotADirectory, IsADirectory, NotFound } = Deno.errors;
  const known = [PermissionDenied, NotADirectory, IsADirectory, NotFound];
  return known.some((kind) => error instanceof kind) ||
    (error instanceof Error && /os error (28|30)\b/.test(error.message)); // no space left, read-only
}

/** Shows the dashboards after `up`, the trace after `verify`. */
async function open({ host }: Context, { verb, addresses, traceUrl }: Report): Promise<void> {
  const url = verb === "up" ? addresses?.find(({ service }) => service === "grafana")?.url : traceUrl;
  if (!url) return;
  const opener = { darwin: "open", windows: "explorer" }[Deno.build.os as string] ?? "xdg-open";
  await host.run(opener, [url], { deadlineMs: OPEN_MS });
}

function isLive({ stderr, env }: Streams): boolean {
  // A terminal that does not report its size cannot be drawn on.
  return stderr.isTTY === true && stderr.rows > 0 && env("TERM") !== "dumb" && !env("CI");
}

function terminalOf(stream: WriteStream, { env }: Streams): Terminal {
  const colour = stream.isTTY === true && !env("NO_COLOR") && env("TERM") !== "dumb";
  return { colour, columns: stream.columns || 100 };
}
