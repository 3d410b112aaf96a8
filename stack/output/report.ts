/** The result of a verb; printed for a person, or as one JSON object. */
import { type ChecklistResult, failuresOf } from "../checklist.ts";
import type { Context } from "../context.ts";
import type { DrillResult } from "../drill/drill.ts";
import type { Endpoints } from "../endpoints.ts";
import { EXIT, type LaunchFailure } from "../failure.ts";
import { type Launcher, stepText } from "../launcher.ts";
import { type Selection, type Service, type ServiceName, SERVICES } from "../services.ts";
import type { TrafficTally } from "../traffic/traffic.ts";
import { type DrillList, listJson, resultJson } from "./drill_report.ts";
import { fit, paint, table, type Terminal, wrap } from "./format.ts";

/** One address for a person. */
export interface Address {
  readonly service: ServiceName;
  readonly url: string;
  readonly does: string;
  readonly login?: Login;
}

export interface Login {
  readonly user: string;
  readonly password: string;
  /** Where the password is set. */
  readonly file: string;
}

export interface Report {
  readonly verb: string;
  readonly seconds: number;
  readonly checklists: readonly ChecklistResult[];
  readonly failures: readonly LaunchFailure[];
  readonly leftOut: readonly string[];
  readonly addresses?: readonly Address[];
  /** Opens the proof thought's trace. */
  readonly traceUrl?: string;
  readonly traceId?: string;
  /** The list of drills. */
  readonly drills?: DrillList;
  /** The result of a drill. */
  readonly drill?: DrillResult;
  /** The result of traffic. */
  readonly traffic?: TrafficTally;
  /** Services that were adopted, each with its metrics' address. */
  readonly adopted?: readonly { readonly name: string; readonly url: string }[];
  /** Log lines, if they are part of the report. */
  readonly lines?: readonly string[];
}

/**
 * The report of a verb.
 * @param more overrides of the defaults: no checklists, and the failures of those given
 */
export function createReport(context: Context, more: Partial<Report> = {}): Report {
  const { host, options, selection, startedAt } = context;
  const checklists = more.checklists ?? [];
  return {
    verb: options.verb,
    seconds: (host.now() - startedAt) / 1_000,
    checklists,
    failures: checklists.flatMap(failuresOf),
    leftOut: selection.leftOut.map(({ name }) => name),
    ...more,
  };
}

/** The report of a verb that ended before it had another result. */
export function failureReport(verb: string, failure: LaunchFailure): Report {
  return { verb, seconds: 0, checklists: [], failures: [failure], leftOut: [] };
}

/** The first kind of failure, in the order in which one leads to the next. */
export function exitCode(failures: readonly LaunchFailure[]): number {
  const codes = failures.map(({ kind }) => EXIT[kind]);
  return codes.length === 0 ? EXIT.ok : Math.min(...codes);
}

/** No passwords: this ends up in CI's logs. `passwordIn` says where they are. */
export function toJson(report: Report, launcher: Launcher): string {
  const {
    verb,
    checklists,
    failures,
    leftOut,
    addresses,
    traceUrl,
    traceId,
    drills,
    drill,
    traffic,
    lines,
    adopted,
  } = report;
  return JSON.stringify(
    {
      verb,
      ok: failures.length === 0,
      exitCode: exitCode(failures),
      seconds: round(report.seconds),
      leftOut,
      checklists: checklists.map(({ name, seconds, checks }) => ({
        name,
        seconds: round(seconds),
        checks: checks.map(({ name, outcome, text, notes, seconds }) => ({
          name,
          outcome,
          seconds: round(seconds),
          text,
          ...(notes.length > 0 && { notes }),
        })),
      })),
      failures: failures.map(({ kind, message, why, next, evidence }) => ({
        kind,
        what: message,
        cause: why,
        next: next.flatMap((step) => stepText(step, launcher) ?? []),
        evidence,
      })),
      addresses: addresses?.map(({ service, url, login }) => ({
        service,
        url,
        ...(login && { user: login.user, passwordIn: login.file }),
      })),
      traceId,
      traceUrl,
      drills: drills && listJson(drills),
      drill: drill && resultJson(drill),
      traffic,
      adopted,
      lines,
    },
    null,
    2,
  );
}

/** What failed, why, and the next step. */
export function failureText(terminal: Terminal, failure: LaunchFailure, launcher: Launcher): string {
  const part = (name: string, text: string) =>
    `  ${paint(terminal, "dim", name.padEnd(7))}${wrap(text, terminal.columns, " ".repeat(9))}\n`;
  return [
    `\n${paint(terminal, ["red", "bold"], "✖")} ${paint(terminal, "bold", failure.message)}\n`,
    failure.why ? part("cause", failure.why) : "",
    ...failure.evidence.map((line) =>
      `  ${paint(terminal, "dim", "│")} ${fit(line, Math.max(terminal.columns, 80) - 5)}\n`
    ),
    ...failure.next.flatMap((step) => stepText(step, launcher) ?? [])
      .map((step, i) => part(i === 0 ? "next" : "", step)),
  ].join("");
}

/** A table of addresses, one row for each service, and the logins below it. */
export function addressText(terminal: Terminal, addresses: readonly Address[]): string {
  const services = [...new Set(addresses.map(({ service }) => service))];
  const rows = services.map((service) => {
    const [first, ...others] = addresses.filter((address) => address.service === service);
    const ports = others.map(({ url }) => `:${new URL(url).port}`).join(" ");
    const url = `${paint(terminal, "cyan", first!.url)} ${ports}`;
    return [`  ${service}`, url, paint(terminal, "dim", first!.does)];
  });
  const logins = addresses.flatMap(({ service, login }) =>
    login ? [`  ${service} login: ${login.user} / ${login.password}`] : []
  );
  return `\n${[...table(rows), ...logins].join("\n")}\n`;
}

/** Every published address of the running services that are wanted, Grafana's first. */
export function addressesOf(
  endpoints: Endpoints,
  login: Login | undefined,
  { leftOut }: Selection,
): Address[] {
  const services: Service[] = SERVICES.toSorted((a, b) =>
    Number(b.name === "grafana") - Number(a.name === "grafana")
  );
  return services.filter(({ name }) => !leftOut.some((other) => other.name === name)).flatMap((service) => {
    const name = service.name as ServiceName;
    return endpoints.all(name).map((url) => ({
      service: name,
      // Grafana is configured as localhost; with another name its login cookie would not stick.
      url: url.replace("127.0.0.1", "localhost"),
      does: service.does,
      ...(name === "grafana" && login && { login }),
    }));
  });
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
