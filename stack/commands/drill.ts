import { runDrill } from "../drill/drill.ts";
import { DRILLS } from "../drill/drills.ts";
import { firesAfter } from "../drill/rules.ts";
import { LaunchFailure } from "../failure.ts";
import { failuresOf } from "../checklist.ts";
import type { Report } from "../output/report.ts";
import type { Session } from "../context.ts";

/** Lists the drills, or runs the one that was asked for. */
export async function drill(session: Session): Promise<Report> {
  const { host, home, asked, compose, selection } = session;
  const started = host.now();
  const leftOut = selection.leftOut.map((s) => s.name);
  const report = { verb: "drill", leftOut, seconds: 0, phases: [], failures: [] };
  if (asked.drill === undefined) {
    return { ...report, drills: { drills: DRILLS, firesAfter: await firesAfter(home.dir, DRILLS) } };
  }

  const chosen = DRILLS.find(({ name }) => name === asked.drill);
  if (!chosen) {
    throw new LaunchFailure("usage", {
      what: `There is no drill "${asked.drill}"`,
      next: [`one of: ${DRILLS.map(({ name }) => name).join(", ")}`],
    });
  }
  const absent = (["prometheus", "alertmanager", chosen.needs ?? "api"] as const).find((name) =>
    !selection.has(name)
  );
  if (absent) {
    throw new LaunchFailure("drill", {
      what: `The drill ${chosen.name} cannot show anything`,
      cause: `its alert needs ${absent}, which was left out`,
      next: ["start it too: deno task monitoring"],
    });
  }
  if (!(await compose.config()).drills) {
    throw new LaunchFailure("drill", {
      what: "No drills here",
      cause: `DRILLS is not "on", in the environment or in ${home.envFile}`,
      next: ["somebody wants nothing broken here; ask them before you change it"],
    });
  }
  const { phases, result } = await runDrill(session, chosen, asked.fast);
  return {
    ...report,
    seconds: (host.now() - started) / 1000,
    phases,
    failures: phases.flatMap(failuresOf),
    ...(result && { drilled: result }),
  };
}
