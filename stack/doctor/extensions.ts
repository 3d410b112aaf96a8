/**
 * A person's own jobs, rules, dashboards and overrides: an invalid one would keep Prometheus or Compose from
 * starting.
 */
import { readExtensions } from "../extensions/folder.ts";
import { prerequisite } from "../failure.ts";
import type { Paths } from "../paths.ts";

/** @throws {LaunchFailure} that names the files */
export async function checkExtensions(paths: Paths): Promise<string> {
  const { jobs, rules, dashboards, overrides, problems } = await readExtensions(paths);
  if (problems.length > 0) {
    throw prerequisite(
      problems.length === 1 ? "An extension is invalid" : `${problems.length} extensions are invalid`,
      {
        cause: problems[0],
        next: [`correct it, or remove it from ${paths.extensionsDir}`],
        evidence: problems,
      },
    );
  }
  const counted = Object.entries({ jobs: jobs.length, rules, dashboards, overrides }).filter(([, count]) =>
    count > 0
  );
  return counted.length === 0 ? "none" : counted.map(([what, count]) => `${count} ${what}`).join(", ");
}
