/** Starts the stack, waits until it is healthy and its monitoring sees it, and proves it. */
import { type Check, type ChecklistResult, failuresOf, runChecklist } from "../checklist.ts";
import { type Context, grafanaLogin, observe } from "../context.ts";
import { checkLogFiles, engineVariables } from "../docker/adaptation.ts";
import { type Declared, lastLine } from "../docker/compose.ts";
import { startupChecks } from "../docker/startup.ts";
import { doctorChecks } from "../doctor/doctor.ts";
import { builtImages, cannotPull } from "../doctor/images.ts";
import { type LaunchFailure, prerequisite } from "../failure.ts";
import { saveLastUp } from "../last_up.ts";
import { addressesOf, createReport, type Report } from "../output/report.ts";
import { select } from "../services.ts";
import { prove, ready } from "./verify.ts";

export async function up(context: Context): Promise<Report> {
  const { host, view } = context;
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
  const adapted = await adapt(context);
  if (!await pass("images", await imageChecks(adapted), true)) return createReport(adapted, { checklists });
  return await start(await withLogFiles(adapted, pass), checklists, pass);
}

type Pass = (name: string, checks: readonly Check[], stopAtFirst?: boolean) => Promise<boolean>;

async function start(context: Context, checklists: readonly ChecklistResult[], pass: Pass): Promise<Report> {
  const { host, paths, options, selection, compose, docker, lastUp } = context;
  await saveLastUp(paths.lastUpFile, lastUp);
  const declared = await wantedServices(context);
  const startup = { host, compose, docker, selection, declared, deadlineMs: options.timeoutMs };
  if (!await pass("services", startupChecks(startup), true)) return createReport(context, { checklists });

  const stack = await observe(context);
  const { checklist, trace } = options.verify ? await prove(context, stack) : await ready(context, stack);
  const addresses = addressesOf(stack.endpoints, await grafanaLogin(context));
  return createReport(context, { checklists: [...checklists, checklist], addresses, ...trace });
}

/** Sets the variables that this engine needs, for this run and the verbs after it. */
async function adapt(context: Context): Promise<Context> {
  const environment = await engineVariables(context.docker, context.compose);
  const compose = context.compose.withEnvironment(environment);
  return { ...context, compose, lastUp: { ...context.lastUp, environment } };
}

/** Leaves Promtail out where containers cannot see the files that it reads: it would never be healthy. */
async function withLogFiles(context: Context, pass: Pass): Promise<Context> {
  const { compose, docker, lastUp, selection } = context;
  if (!selection.has("promtail", "loki")) return context;
  const image = (await compose.config()).services.find(({ name }) => name === "secrets")!.image;
  let visible = true;
  await pass("logs", [{
    name: "log files",
    run: async () => {
      const finding = await checkLogFiles(docker, compose, image);
      visible = !finding.warn;
      return finding;
    },
  }]);
  if (visible) return context;
  const without = [...lastUp.without, "promtail"];
  return { ...context, selection: select(without), lastUp: { ...lastUp, without } };
}

async function wantedServices({ compose, selection }: Context): Promise<Declared[]> {
  const { services } = await compose.config();
  return services.filter(({ name }) => selection.wanted.some((wanted) => wanted.name === name));
}

/** Pulls what is missing and builds our own image; nothing to do gives no checks. */
async function imageChecks(context: Context): Promise<Check[]> {
  const { docker, options } = context;
  const declared = await wantedServices(context);
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
