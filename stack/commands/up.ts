/** Starts the stack, waits until it is healthy and its monitoring sees it, and proves it. */
import { type Check, type ChecklistResult, failuresOf, runChecklist } from "../checklist.ts";
import { type Context, grafanaLogin, observe } from "../context.ts";
import { type Declared, lastLine } from "../docker/compose.ts";
import { startupChecks } from "../docker/startup.ts";
import { doctorChecks } from "../doctor/doctor.ts";
import { builtImages, cannotPull } from "../doctor/images.ts";
import { type LaunchFailure, prerequisite } from "../failure.ts";
import { saveLastUp } from "../last_up.ts";
import { addressesOf, createReport, type Report } from "../output/report.ts";
import { prove, ready } from "./verify.ts";

export async function up(context: Context): Promise<Report> {
  const { host, paths, view, options, selection, compose, docker, lastUp } = context;
  const checklists: ChecklistResult[] = [];
  const pass = async (name: string, checks: readonly Check[], stopAtFirst = false) => {
    if (checks.length === 0) return true;
    const result = await runChecklist(host, view, { name, checks, stopAtFirst });
    checklists.push(result);
    return failuresOf(result).length === 0;
  };

  if (!await pass("doctor", doctorChecks({ ...context, askRegistries: false }))) {
    return createReport(context, { checklists });
  }
  const declared = (await compose.config()).services.filter(({ name }) =>
    selection.wanted.some((wanted) => wanted.name === name)
  );
  if (!await pass("images", await imageChecks(context, declared), true)) {
    return createReport(context, { checklists });
  }
  await saveLastUp(paths.lastUpFile, lastUp);
  const startup = { host, compose, docker, selection, declared, deadlineMs: options.timeoutMs };
  if (!await pass("services", startupChecks(startup), true)) return createReport(context, { checklists });

  const stack = await observe(context);
  const { checklist, trace } = options.verify ? await prove(context, stack) : await ready(context, stack);
  const addresses = addressesOf(stack.endpoints, await grafanaLogin(paths));
  return createReport(context, { checklists: [...checklists, checklist], addresses, ...trace });
}

/** Pulls what is missing and builds our own image; nothing to do gives no checks. */
async function imageChecks(context: Context, declared: readonly Declared[]): Promise<Check[]> {
  const { docker, options } = context;
  const ours = builtImages(declared);
  const absent = await docker.missing([...new Set(declared.map(({ image }) => image))]);
  // Without a build, ours may be a released one (APP_IMAGE).
  const pulled = absent.filter((image) => !options.build || !ours.has(image));
  return [
    ...pulled.map((image): Check => ({
      name: shortName(image),
      run: async ({ say, signal }) => {
        say("pulling");
        const why = await docker.pull(image, signal);
        if (why === undefined) return `pulled ${image}`;
        throw ours.has(image) ? notBuilt(image, why) : cannotPull([image], why, declared);
      },
    })),
    ...(options.build ? [buildCheck(context, [...ours].join(", "))] : []),
  ];
}

function buildCheck({ compose, paths }: Context, name: string): Check {
  return {
    name,
    run: async ({ say, signal }) => {
      say("building");
      const { code, stderr, timedOut } = await compose.build(signal);
      if (code === 0) return "built";
      throw prerequisite("Our own image cannot be built", {
        cause: timedOut ? "it took too long" : lastLine(stderr),
        next: [
          `see the whole build: docker compose --project-directory ${paths.dir} build`,
          "or use the image as it is: --no-build",
        ],
        evidence: stderr.split("\n").filter((line) => line.trim() !== "").slice(-8),
      });
    },
  };
}

function notBuilt(image: string, why: string): LaunchFailure {
  return prerequisite(`The image ${image} is not here`, {
    cause: `it was not built, --no-build forbids that, and pulling it failed: ${why}`,
    next: ["run the same command without --no-build"],
  });
}

/** "grafana/loki:3.7.8" is "loki" in a table. */
function shortName(image: string): string {
  return image.split("/").at(-1)!.split(":")[0]!;
}
