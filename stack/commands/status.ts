import type { Container } from "../docker/compose.ts";
import { LaunchFailure } from "../failure.ts";
import type { Outcome, PhaseResult } from "../checklist.ts";
import type { Report } from "../output/report.ts";
import type { Service } from "../services.ts";
import type { Session } from "../context.ts";

/** Each wanted service as it is now; a failure for each that does not run as it should. */
export async function status({ host, compose, selection }: Session): Promise<Report> {
  const started = host.now();
  const [containers, { services }] = await Promise.all([compose.ps(), compose.config()]);
  const rows = selection.wanted.map((service) => {
    const own = containers.filter((c) => c.service === service.name);
    const wanted = services.find((s) => s.name === service.name)?.replicas ?? 1;
    const { outcome, text } = judge(service, own, wanted);
    return { name: service.name, outcome, text, seconds: 0, notes: [] };
  });
  const phase: PhaseResult = { name: "services", seconds: (host.now() - started) / 1000, rows };
  return {
    verb: "status",
    seconds: phase.seconds,
    phases: [phase],
    failures: failures(phase, containers.length),
    leftOut: selection.leftOut.map((s) => s.name),
  };
}

function judge(
  service: Service,
  own: readonly Container[],
  wanted: number,
): { outcome: Outcome; text: string } {
  if (own.length === 0) return { outcome: "failed", text: "no container" };
  if (service.once) {
    const done = own.every((c) => c.state === "exited" && c.exitCode === 0);
    return { outcome: done ? "ok" : "failed", text: done ? "done" : own[0]!.status };
  }
  const running = own.filter((c) => c.state === "running");
  const fine = running.filter((c) => c.health === "healthy" || c.health === "");
  const count = wanted > 1 ? `${fine.length} of ${wanted}: ` : "";
  const worst = own.find((c) => !fine.includes(c)) ?? own[0]!;
  const text = count + (worst.status || worst.state);
  if (fine.length >= wanted) return { outcome: "ok", text };
  const starting = running.some((c) => c.health === "starting");
  return { outcome: starting && running.length >= wanted ? "warn" : "failed", text };
}

function failures(phase: PhaseResult, containers: number): LaunchFailure[] {
  if (containers === 0) {
    return [
      new LaunchFailure("service", {
        what: "The stack does not run",
        next: ["start it: deno task monitoring"],
      }),
    ];
  }
  return phase.rows.filter((row) => row.outcome === "failed").map(({ name, text }) =>
    new LaunchFailure("service", {
      what: `${name} does not run as it should`,
      cause: text,
      next: [`see why: deno task monitoring logs ${name}`, "start it again: deno task monitoring"],
    })
  );
}
