/** The state of each wanted service; a failure for each that is not running as it should. */
import type { CheckResult, Outcome } from "../checklist.ts";
import { type Context, notRunning } from "../context.ts";
import type { Container } from "../docker/compose.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";
import type { Service } from "../services.ts";

export async function status(context: Context): Promise<Report> {
  const { host, compose, selection, startedAt } = context;
  const [containers, { services }] = await Promise.all([compose.ps(), compose.config()]);
  const checks = selection.wanted.map((service): CheckResult => {
    const own = containers.filter((container) => container.service === service.name);
    const wanted = services.find(({ name }) => name === service.name)?.replicas ?? 1;
    return { name: service.name, ...judge(service, own, wanted), seconds: 0, notes: [] };
  });
  return createReport(context, {
    checklists: [{ name: "services", seconds: (host.now() - startedAt) / 1_000, checks }],
    failures: containers.length === 0 ? [notRunning()] : failures(checks),
  });
}

function judge(
  service: Service,
  own: readonly Container[],
  wanted: number,
): { readonly outcome: Outcome; readonly text: string } {
  if (own.length === 0) return { outcome: "failed", text: "no container" };
  if (service.once) {
    const done = own.every(({ state, exitCode }) => state === "exited" && exitCode === 0);
    return { outcome: done ? "ok" : "failed", text: done ? "done" : own[0]!.status };
  }
  const running = own.filter(({ state }) => state === "running");
  const healthy = running.filter(({ health }) => health === "healthy" || health === "");
  const count = wanted > 1 ? `${healthy.length} of ${wanted}: ` : "";
  const worst = own.find((container) => !healthy.includes(container)) ?? own[0]!;
  const text = count + (worst.status || worst.state);
  if (healthy.length >= wanted) return { outcome: "ok", text };
  const starting = running.some(({ health }) => health === "starting");
  return { outcome: starting && running.length >= wanted ? "warn" : "failed", text };
}

function failures(checks: readonly CheckResult[]): LaunchFailure[] {
  return checks.filter(({ outcome }) => outcome === "failed").map(({ name, text }) =>
    new LaunchFailure("service", {
      what: `${name} is not running as it should`,
      cause: text,
      next: [{ text: "see why", verb: `logs ${name}` }, { text: "start it again", verb: "" }],
    })
  );
}
