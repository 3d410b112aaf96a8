/** Removes everything: containers, data, our own image, and a packed launcher's files. */
import { type Progress, runChecklist } from "../checklist.ts";
import type { Context } from "../context.ts";
import { builtImages } from "../doctor/images.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";
import { withPath } from "../paths.ts";
import { removeContainers } from "./down.ts";

export async function uninstall(context: Context): Promise<Report> {
  const checks = [
    { name: "containers", run: (progress: Progress) => removeContainers(context, true, progress) },
    { name: "image", after: ["containers"], run: () => removeImages(context) },
    { name: "files", after: ["containers"], run: () => removeFiles(context) },
  ];
  return createReport(context, {
    checklists: [await runChecklist(context.host, context.view, { name: "uninstall", checks })],
  });
}

async function removeImages({ compose, docker }: Context): Promise<string> {
  const images = [...builtImages((await compose.config()).services)];
  for (const image of images) {
    const why = await docker.removeImage(image);
    if (why === undefined) continue;
    throw new LaunchFailure("service", {
      what: `The image ${image} cannot be removed`,
      cause: why,
      next: [`remove it by hand: docker image rm ${image}`],
    });
  }
  return `${images.join(", ")} removed`;
}

async function removeFiles({ paths }: Context): Promise<string> {
  const { stateRoot } = paths;
  if (stateRoot === undefined) return `a checkout is removed with its folder: ${paths.dir}`;
  await withPath(stateRoot, () => Deno.remove(stateRoot, { recursive: true }));
  return `${stateRoot} removed; the launcher itself can be deleted`;
}
