import type { WriteStream } from "node:tty";
import type { Asked } from "./cli.ts";
import * as drillText from "./drill/text.ts";
import { EXIT, LaunchFailure } from "./failure.ts";
import type { Home } from "./paths.ts";
import type { Host } from "./host.ts";
import { liveView } from "./output/live_view.ts";
import type { Outcome } from "./checklist.ts";
import { plainView } from "./output/plain_view.ts";
import { addressText, exitCode, failureText, type Report, toJson } from "./output/report.ts";
import { openSession, type Session } from "./context.ts";
import { COLOUR, GLYPH, paint, type Paper, seconds, table } from "./output/text.ts";
import { doctor } from "./commands/doctor.ts";
import { drill } from "./commands/drill.ts";
import { down } from "./commands/down.ts";
import { logs } from "./commands/logs.ts";
import { status } from "./commands/status.ts";
import { up } from "./commands/up.ts";
import { urls } from "./commands/urls.ts";
import { verify } from "./commands/verify.ts";

const VERBS = { up, status, verify, urls, doctor, drill, down };

export interface Launch {
  host: Host;
  home: Home;
  asked: Asked;
  /** How this launcher was called, for the next steps it names. */
  command: string;
  terminal: Terminal;
}

/** Where a person reads: results go to stdout, all else to stderr. */
export interface Terminal {
  stdout: WriteStream;
  stderr: WriteStream;
  env(name: string): string | undefined;
}

/** Does what was asked: progress and failures go to stderr, results to stdout. @returns the exit code */
export async function launch({ host, home, asked, command, terminal }: Launch): Promise<number> {
  const { stdout, stderr } = terminal;
  const say = (text: string) => stderr.write(text.replaceAll("deno task monitoring", command));
  const show = (text: string) => stdout.write(text.replaceAll("deno task monitoring", command));
  const paper = () => paperOf(stderr, terminal);
  try {
    const view = isLive(terminal) ? liveView(stderr, paper) : plainView(say, paper());
    const session = await openSession(host, home, view, asked);
    if (asked.verb === "logs") return await logs(session);
    const report = await VERBS[asked.verb](session);
    show(asked.json ? toJson(report) + "\n" : resultText(report, paperOf(stdout, terminal)));
    for (const failure of report.failures) say(failureText(paper(), failure));
    if (asked.open && report.failures.length === 0) await open(session, report);
    return exitCode(report.failures);
  } catch (error) {
    if (host.signal.aborted && !(error instanceof LaunchFailure)) {
      say(interruptedText(asked));
      return EXIT.interrupted;
    }
    if (!(error instanceof LaunchFailure)) throw error;
    if (asked.json) show(toJson(emptyReport(asked.verb, error)) + "\n");
    say(failureText(paper(), error));
    return EXIT[error.kind];
  }
}

/** The results of a verb for a person. */
function resultText(report: Report, paper: Paper): string {
  const { verb, failures, addresses, traceUrl, leftOut, drills, drilled, seconds: total } = report;
  const lines: string[] = [];
  if (verb === "status") {
    const rows = report.phases.flatMap((phase) => phase.rows);
    const glyph = (outcome: Outcome) => paint(paper, COLOUR[outcome], GLYPH[outcome]);
    lines.push(...table(rows.map((row) => [`  ${glyph(row.outcome)} ${row.name}`, row.text])));
  }
  if (addresses && (failures.length === 0 || verb === "urls")) lines.push(addressText(paper, addresses));
  const named = !["down", "drill"].includes(verb) && (verb === "status" || failures.length === 0);
  if (leftOut.length > 0 && named) {
    lines.push(`  left out: ${leftOut.join(", ")}\n`);
  }
  if (drills) lines.push(drillText.listText(paper, drills));
  if (drilled) lines.push(drillText.resultText(paper, drilled));
  if (traceUrl) lines.push(`  One thought, all the way:\n  ${paint(paper, "cyan", traceUrl)}\n`);
  if (verb === "up" && failures.length === 0) {
    lines.push(
      `  ${paint(paper, ["green", "bold"], "Ready")} after ${seconds(total)}.`,
      ...table([
        ["  prove it again", "deno task monitoring verify"],
        ["  stop it", "deno task monitoring down"],
      ]),
    );
  }
  return lines.length > 0 ? lines.join("\n") + "\n" : "";
}

function interruptedText({ verb, drill }: Asked): string {
  if (verb === "drill") {
    return `\nInterrupted. Nothing is left broken.\n  again  deno task monitoring drill ${drill}\n`;
  }
  return "\nInterrupted. What was started still runs.\n  go on  deno task monitoring\n  stop   deno task monitoring down\n";
}

function emptyReport(verb: string, failure: LaunchFailure): Report {
  return { verb, seconds: 0, phases: [], failures: [failure], leftOut: [] };
}

/** Shows the dashboards after `up`, the trace after `verify`. */
async function open({ host }: Session, { verb, addresses, traceUrl }: Report): Promise<void> {
  const url = verb === "up" ? addresses?.find((a) => a.service === "grafana")?.url : traceUrl;
  if (!url) return;
  const opener = { darwin: "open", windows: "explorer" }[Deno.build.os as string] ?? "xdg-open";
  await host.run(opener, [url], { deadlineMs: 5000 });
}

function isLive({ stderr, env }: Terminal): boolean {
  return stderr.isTTY === true && env("TERM") !== "dumb" && !env("CI");
}

function paperOf(stream: WriteStream, { env }: Terminal): Paper {
  const colour = stream.isTTY === true && !env("NO_COLOR") && env("TERM") !== "dumb";
  return { colour, columns: stream.columns || 100 };
}
