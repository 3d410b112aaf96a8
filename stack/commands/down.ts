/** Stops the stack and removes its containers, and its data only when asked to. */
import { type Progress, runChecklist } from "../checklist.ts";
import type { Context } from "../context.ts";
import { lastLine } from "../docker/compose.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";

export async function down(context: Context): Promise<Report> {
  const checks = [{ name: "containers", run: (progress: Progress) => remove(context, progress) }];
  return createReport(context, {
    checklists: [await runChecklist(context.host, context.view, { name: "down", checks })],
  });
}

async function remove({ compose, options }: Context, { say }: Progress): Promise<string> {
  const before = await compose.ps();
  say(`stopping ${before.length}`);
  let output = await compose.down(options.volumes);
  // Docker may still be detaching the last container when Compose removes its network; a moment later it works.
  if (output.code !== 0 && /active endpoints/.test(output.stderr)) {
    output = await compose.down(options.volumes);
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
  const data = options.volumes ? "all data deleted" : "the data is kept (--volumes deletes it)";
  return before.length === 0 ? `there were none; ${data}` : `${before.length} removed; ${data}`;
}
