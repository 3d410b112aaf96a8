/** Stops the stack and removes its containers, and its data only when asked to. */
import { type Progress, runChecklist } from "../checklist.ts";
import type { Context } from "../context.ts";
import { lastLine } from "../docker/compose.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";

export async function down(context: Context): Promise<Report> {
  const checks = [{
    name: "containers",
    run: (progress: Progress) => removeContainers(context, context.options.volumes, progress),
  }];
  return createReport(context, {
    checklists: [await runChecklist(context.host, context.view, { name: "down", checks })],
  });
}

/** Removes the containers. @param volumes with their data */
export async function removeContainers(
  { compose }: Context,
  volumes: boolean,
  { say }: Progress,
): Promise<string> {
  const before = await compose.ps();
  say(`stopping ${before.length}`);
  let output = await compose.down(volumes);
  // Docker may still be detaching the last container when Compose removes its network; a moment later it works.
  if (output.code !== 0 && /active endpoints/.test(output.stderr)) {
    output = await compose.down(volumes);
  }
  if (output.code !== 0) {
    const { project } = await compose.config();
    throw new LaunchFailure("service", {
      what: "The stack could not be stopped",
      cause: output.timedOut ? "it took too long" : lastLine(output.stderr),
      next: [
        { text: "try again", verb: "down" },
        `or kill its containers: docker compose --project-name ${project} kill`,
      ],
    });
  }
  const data = volumes ? "all data deleted" : "the data is kept (--volumes deletes it)";
  return before.length === 0 ? `there were none; ${data}` : `${before.length} removed; ${data}`;
}
