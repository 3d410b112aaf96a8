import type { DrillResult } from "../drill/drill.ts";
import { type DrillList, listJson, resultJson } from "../drill/text.ts";
import type { Endpoints } from "../docker/endpoints.ts";
import { EXIT, type LaunchFailure } from "../failure.ts";
import type { PhaseResult } from "../checklist.ts";
import { type Service, type ServiceName, SERVICES } from "../services.ts";
import { fit, paint, type Paper, table, wrap } from "./text.ts";

/** One address for a person. */
export interface Address {
  service: ServiceName;
  url: string;
  does: string;
  /** Where it has a login: the user, and where its password stands. */
  login?: { user: string; password: string; file: string };
}

/** What a verb found out; printed for a person, or as one JSON object. */
export interface Report {
  verb: string;
  seconds: number;
  phases: readonly PhaseResult[];
  failures: readonly LaunchFailure[];
  leftOut: readonly string[];
  addresses?: readonly Address[];
  /** Opens the proof thought's trace. */
  traceUrl?: string;
  traceId?: string;
  /** The drills there are. */
  drills?: DrillList;
  /** What a drill came to. */
  drilled?: DrillResult;
}

/** The first kind of failure, in the order in which one leads to the next. */
export function exitCode(failures: readonly LaunchFailure[]): number {
  const codes = failures.map((failure) => EXIT[failure.kind]);
  return codes.length === 0 ? EXIT.fine : Math.min(...codes);
}

/** No passwords: this goes into CI's logs. `urls` says where they stand. */
export function toJson(report: Report): string {
  const { verb, seconds, phases, failures, leftOut, addresses, traceUrl, traceId, drills, drilled } = report;
  return JSON.stringify(
    {
      verb,
      ok: failures.length === 0,
      exitCode: exitCode(failures),
      seconds: round(seconds),
      leftOut,
      phases: phases.map((phase) => ({
        name: phase.name,
        seconds: round(phase.seconds),
        rows: phase.rows.map(({ name, outcome, text, notes, seconds }) => ({
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
        next,
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
      drill: drilled && resultJson(drilled),
    },
    null,
    2,
  );
}

/** What failed, why, and what to do now. */
export function failureText(paper: Paper, failure: LaunchFailure): string {
  const part = (name: string, text: string) =>
    `  ${paint(paper, "dim", name.padEnd(7))}${wrap(text, paper.columns, " ".repeat(9))}\n`;
  return [
    `\n${paint(paper, ["red", "bold"], "✖")} ${paint(paper, "bold", failure.message)}\n`,
    failure.why ? part("cause", failure.why) : "",
    ...failure.evidence.map((line) =>
      `  ${paint(paper, "dim", "│")} ${fit(line, Math.max(paper.columns, 80) - 5)}\n`
    ),
    ...failure.next.map((step, i) => part(i === 0 ? "next" : "", step)),
  ].join("");
}

/** A table of addresses, one row a service, and the logins below it. */
export function addressText(paper: Paper, addresses: readonly Address[]): string {
  const services = [...new Set(addresses.map((a) => a.service))];
  const rows = services.map((service) => {
    const [first, ...others] = addresses.filter((a) => a.service === service);
    const ports = others.map((a) => `:${new URL(a.url).port}`).join(" ");
    return [`  ${service}`, `${paint(paper, "cyan", first!.url)} ${ports}`, paint(paper, "dim", first!.does)];
  });
  const logins = addresses.flatMap(({ service, login }) =>
    login ? [`  ${service} login: ${login.user} / ${login.password}`] : []
  );
  return `\n${[...table(rows), ...logins].join("\n")}\n`;
}

/** Every published address of the running services, the one that people open first of all. */
export function addressesOf(endpoints: Endpoints, login: Address["login"]): Address[] {
  const services: Service[] = SERVICES.toSorted((a, b) =>
    Number(b.name === "grafana") - Number(a.name === "grafana")
  );
  return services.flatMap((service) => {
    const name = service.name as ServiceName;
    return endpoints.all(name).map((url) => ({
      service: name,
      // Grafana is told that it is localhost; with another name its login would not stick.
      url: url.replace("127.0.0.1", "localhost"),
      does: service.does,
      ...(name === "grafana" && login && { login }),
    }));
  });
}

function round(seconds: number): number {
  return Math.round(seconds * 100) / 100;
}
