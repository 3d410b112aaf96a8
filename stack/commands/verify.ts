import { readDashboards } from "../dashboards/model.ts";
import { Grafana } from "../clients/grafana.ts";
import { failuresOf, type PhaseResult, runPhase } from "../checklist.ts";
import type { Proven } from "../proof/context.ts";
import { ProofThought } from "../proof/thought.ts";
import type { Report } from "../output/report.ts";
import { observe, type Session } from "../context.ts";
import { proofRows, readinessRows } from "../proof/proof.ts";

export interface Proof {
  phase: PhaseResult;
  /** Where the proof thought's trace can be looked at, when it is there. */
  trace: Pick<Report, "traceId" | "traceUrl">;
}

/** Proves the running stack. */
export async function verify(session: Session): Promise<Report> {
  const { host, selection } = session;
  const started = host.now();
  const { phase, trace } = await prove(session, await observe(session));
  return {
    verb: "verify",
    seconds: (host.now() - started) / 1000,
    phases: [phase],
    failures: failuresOf(phase),
    leftOut: selection.leftOut.map((s) => s.name),
    ...trace,
  };
}

/** Follows one thought through every part, and looks at all that should have seen it. */
export async function prove({ host, home, view }: Session, proven: Proven): Promise<Proof> {
  const thought = new ProofThought(proven);
  const dashboards = await readDashboards(home.dir);
  try {
    const rows = proofRows(proven, dashboards, thought);
    const phase = await runPhase(host, view, { name: "proof", rows });
    const traced = phase.rows.some((row) => row.name === "traced" && row.outcome === "ok");
    const { traceId } = thought;
    return { phase, trace: traced ? { traceId, traceUrl: await traceUrl(proven, traceId) } : {} };
  } finally {
    await thought.forget();
  }
}

/** Only waits until the monitoring sees the stack. */
export async function ready({ host, home, view }: Session, proven: Proven): Promise<Proof> {
  const rows = readinessRows(proven, await readDashboards(home.dir));
  return { phase: await runPhase(host, view, { name: "ready", rows }), trace: {} };
}

/** In Grafana; or what Tempo itself has, when Grafana is left out. */
async function traceUrl(
  { host, endpoints, selection, grafanaLogin }: Proven,
  traceId: string,
): Promise<string> {
  if (!selection.has("grafana")) return `${endpoints.of("tempo")}/api/v2/traces/${traceId}`;
  return await new Grafana(host, endpoints.of("grafana"), grafanaLogin).traceUrl(traceId);
}
