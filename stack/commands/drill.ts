/** Lists the drills, or runs the requested one. */
import type { Context } from "../context.ts";
import { assertDocker } from "../doctor/engine.ts";
import { checkProject } from "../doctor/project.ts";
import { runDrill } from "../drill/drill.ts";
import { type Drill, DRILLS } from "../drill/drills.ts";
import { firesAfter } from "../drill/rules.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";
import type { ServiceName } from "../services.ts";
import { suggestion } from "../suggestion.ts";

export async function drill(context: Context): Promise<Report> {
  const { paths, options } = context;
  if (options.drill === undefined) {
    const drills = { drills: DRILLS, firesAfter: await firesAfter(paths.dir, DRILLS) };
    return createReport(context, { drills });
  }
  const names = DRILLS.map(({ name }) => name);
  const chosen = DRILLS.find(({ name }) => name === options.drill);
  if (!chosen) {
    throw new LaunchFailure("usage", {
      what: `There is no drill "${options.drill}"`,
      next: [...suggestion(options.drill, names), `one of: ${names.join(", ")}`],
    });
  }
  await assertDocker(context.docker);
  await checkProject(context);
  await assertAllowed(context, chosen);
  const { checklists, result } = await runDrill(context, chosen, options.fast);
  return createReport(context, { checklists, ...(result && { drill: result }) });
}

async function assertAllowed({ compose, paths, selection }: Context, { name, needs }: Drill): Promise<void> {
  const needed: ServiceName[] = ["prometheus", "alertmanager", needs ?? "api"];
  const absent = needed.find((service) => !selection.has(service));
  if (absent) {
    throw new LaunchFailure("drill", {
      what: `The drill ${name} cannot show anything`,
      cause: `its alert needs ${absent}, which was left out`,
      next: [{ text: "start it too", verb: "" }],
    });
  }
  if (!(await compose.config()).drills) {
    throw new LaunchFailure("drill", {
      what: "Drills are disabled",
      cause: `DRILLS is not "on", in the environment or in ${paths.envFile}`,
      next: ["ask the stack's operator before you set DRILLS=on"],
    });
  }
}
