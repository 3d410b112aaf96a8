/** Proves the running stack. */
import { type ChecklistResult, failuresOf, runChecklist } from "../checklist.ts";
import { createGrafana } from "../clients/grafana.ts";
import { type Context, observe } from "../context.ts";
import { forwardServices } from "../cluster/forwarded.ts";
import { readDashboards } from "../dashboards/model.ts";
import { LaunchFailure } from "../failure.ts";
import { type Installation, openInstallation } from "../installation.ts";
import { createReport, type Report } from "../output/report.ts";
import { proofChecks, readinessChecks } from "../proof/proof.ts";
import { createProofThought } from "../proof/thought.ts";
import type { RunningStack } from "../running_stack.ts";

export interface Proof {
  readonly checklist: ChecklistResult;
  /** The address of the proof thought's trace, if there is one. */
  readonly trace: Pick<Report, "traceId" | "traceUrl">;
}

export async function verify(context: Context): Promise<Report> {
  const { installation } = context.options;
  if (installation) return await verifyElsewhere(context, installation);
  const { checklist, trace } = await prove(context, await observe(context));
  return createReport(context, { checklists: [checklist], ...trace });
}

/** The same proof of an installation that is not Compose's. */
async function verifyElsewhere(context: Context, installation: Installation): Promise<Report> {
  if (!installation.cluster) return await proveElsewhere(context, installation, []);
  await using forwarded = await forwardServices(context, installation, installation.cluster);
  const checklists = [forwarded.checklist];
  if (!forwarded.installation) return createReport(context, { checklists, leftOut: [] });
  return await proveElsewhere(context, forwarded.installation, checklists);
}

async function proveElsewhere(
  context: Context,
  installation: Installation,
  before: readonly ChecklistResult[],
): Promise<Report> {
  const stack = await openInstallation(context, installation);
  const { checklist, trace } = await prove(context, stack);
  return createReport(context, {
    checklists: [...before, checklist],
    failures: failuresOf(checklist).map(whereItRuns),
    leftOut: [],
    ...trace,
  });
}

/** Without the steps that only this folder's own stack has. */
function whereItRuns(failure: LaunchFailure): LaunchFailure {
  const { kind, message, why, evidence } = failure;
  const next = failure.next.map((step) => {
    const service = typeof step !== "string" && "verb" in step && /^logs (\S+)/.exec(step.verb)?.[1];
    return service ? `read the log of its ${service}` : step;
  }).filter((step) => typeof step === "string");
  return new LaunchFailure(kind, { what: message, cause: why, next, evidence });
}

/** Follows one thought through every part, and checks everything that should have seen it. */
export async function prove({ host, paths, view }: Context, stack: RunningStack): Promise<Proof> {
  const thought = createProofThought(stack);
  const dashboards = await readDashboards(paths.dir);
  try {
    const checks = proofChecks(stack, dashboards, thought);
    const checklist = await runChecklist(host, view, { name: "proof", checks });
    const traced = checklist.checks.some(({ name, outcome }) => name === "traced" && outcome === "ok");
    const { traceId } = thought;
    return { checklist, trace: traced ? { traceId, traceUrl: await traceUrl(stack, traceId) } : {} };
  } finally {
    await thought.forget();
  }
}

/** Only waits until the monitoring sees the stack. */
export async function ready({ host, paths, view }: Context, stack: RunningStack): Promise<Proof> {
  const checks = readinessChecks(stack, await readDashboards(paths.dir));
  return { checklist: await runChecklist(host, view, { name: "ready", checks }), trace: {} };
}

/** In Grafana, or in Tempo's own API without it. */
async function traceUrl(
  { host, endpoints, selection, grafanaLogin }: RunningStack,
  traceId: string,
): Promise<string> {
  if (!selection.has("grafana")) return `${endpoints.of("tempo")}/api/v2/traces/${traceId}`;
  return await createGrafana({ host, url: endpoints.of("grafana"), login: grafanaLogin }).traceUrl(traceId);
}
