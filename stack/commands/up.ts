/** Starts the stack, waits until it is healthy and its monitoring sees it, and proves it. */
import { type Check, type ChecklistResult, failuresOf, runChecklist } from "../checklist.ts";
import { type Context, grafanaLogin, observe } from "../context.ts";
import { keyFileChecks } from "../docker/api_key.ts";
import { engineVariables, findLogSource, type LogSource } from "../docker/adaptation.ts";
import { type Declared, lastLine } from "../docker/compose.ts";
import { outdatedServices } from "../docker/mounted_files.ts";
import { type Fallback, type Startup, startupChecks } from "../docker/startup.ts";
import { doctorChecks } from "../doctor/doctor.ts";
import { builtImages, cannotPull } from "../doctor/images.ts";
import { LaunchFailure, prerequisite } from "../failure.ts";
import { saveLastUp } from "../last_up.ts";
import { removeOldVersions } from "../paths.ts";
import { addressesOf, createReport, type Report } from "../output/report.ts";
import { leftOutVariables, select } from "../services.ts";
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
  if (!await pass("images", await imageChecks(adapted))) return createReport(adapted, { checklists });
  if (!await pass("keys", await keyFileChecks(adapted))) return createReport(adapted, { checklists });
  return await start(await withLogSource(adapted, pass), checklists, pass);
}

type Pass = (name: string, checks: readonly Check[], stopAtFirst?: boolean) => Promise<boolean>;

async function start(context: Context, checklists: readonly ChecklistResult[], pass: Pass): Promise<Report> {
  const { host, paths, options, selection, compose, docker, lastUp } = context;
  await saveLastUp(paths.lastUpFile, lastUp);
  if (!await pass("left out", await leftOutChecks(context))) return createReport(context, { checklists });
  if (!await pass("configuration", await outdatedChecks(context))) {
    return createReport(context, { checklists });
  }
  const declared = await wantedServices(context);
  const startup: Startup = {
    host,
    compose,
    docker,
    selection,
    declared,
    deadlineMs: options.timeoutMs,
    fallback: anyWorkerPorts(context),
  };
  if (!await pass("services", startupChecks(startup), true)) return createReport(context, { checklists });

  const stack = await observe(context);
  const { checklist, trace } = options.verify ? await prove(context, stack) : await ready(context, stack);
  if (failuresOf(checklist).length === 0) await removeOldVersions(paths);
  const addresses = addressesOf(stack.endpoints, await grafanaLogin(context), selection);
  return createReport(context, { checklists: [...checklists, checklist], addresses, ...trace });
}

/**
 * Some engines give two replicas the same port of a range (Docker Desktop): then each worker gets any free
 * one.
 */
function anyWorkerPorts({ compose, lastUp, paths }: Context): Fallback {
  const environment = { ...lastUp.environment, WORKER_PORTS: "0" };
  return {
    applies: ({ stderr }) =>
      /[-_]kafka-worker[-_]\d/.test(stderr) &&
      /port is already allocated|address already in use|ports are not available/i.test(stderr),
    async prepare() {
      await saveLastUp(paths.lastUpFile, { ...lastUp, environment });
      return compose.withEnvironment({ WORKER_PORTS: "0" });
    },
  };
}

/** Sets the variables that this engine needs, for this run and later verbs. */
async function adapt(context: Context): Promise<Context> {
  const environment = await engineVariables(context.docker, context.compose);
  const compose = context.compose.withEnvironment(environment);
  return { ...context, compose, lastUp: { ...context.lastUp, environment } };
}

/** Has Promtail read by files or by Docker's API, or leaves it out: it would never be healthy. */
async function withLogSource(context: Context, pass: Pass): Promise<Context> {
  const { compose, docker, lastUp, selection } = context;
  if (!selection.has("promtail", "loki")) return context;
  const image = (await compose.config()).services.find(({ name }) => name === "secrets")!.image;
  const found: LogSource[] = [];
  const run = async () => {
    const source = await findLogSource(docker, compose, image);
    found.push(source);
    return source.finding;
  };
  await pass("logs", [{ name: "log files", run }]);
  const [source] = found;
  if (source?.by === "api") {
    const environment = { ...lastUp.environment, ...source.environment };
    return { ...context, compose: compose.withEnvironment(environment), lastUp: { ...lastUp, environment } };
  }
  if (source?.by !== "none") return context;
  const without = [...lastUp.without, "promtail"];
  const smaller = select(without);
  return {
    ...context,
    selection: smaller,
    compose: compose.withEnvironment(leftOutVariables(smaller)),
    lastUp: { ...lastUp, without },
  };
}

/** Removes services of an earlier `up` that are left out now; without any there are no checks. */
async function leftOutChecks({ compose, selection }: Context): Promise<Check[]> {
  const containers = await compose.ps();
  const running = selection.leftOut.filter(({ name }) => containers.some(({ service }) => service === name));
  return running.map(({ name }) => ({
    name,
    run: async () => {
      const { code, stderr } = await compose.remove([name]);
      if (code === 0) return "removed; its data is kept";
      throw cannotRemove(name, stderr);
    },
  }));
}

/** Removes containers that run on older files, to be created again; without any there are no checks. */
async function outdatedChecks(context: Context): Promise<Check[]> {
  return (await outdatedServices(context)).map(({ service, file }) => ({
    name: service,
    run: async () => {
      const { code, stderr } = await context.compose.remove([service]);
      if (code === 0) return `starts again: ${file} has changed`;
      throw cannotRemove(service, stderr);
    },
  }));
}

function cannotRemove(service: string, stderr: string): LaunchFailure {
  return new LaunchFailure("service", {
    what: `${service} cannot be removed`,
    cause: lastLine(stderr),
    next: [{ text: "see what is running", verb: "status" }],
  });
}

async function wantedServices({ compose, selection }: Context): Promise<Declared[]> {
  const { services } = await compose.config();
  return services.filter(({ name }) => selection.wanted.some((wanted) => wanted.name === name));
}

/** Pulls missing images and builds our own; without any there are no checks. */
async function imageChecks(context: Context): Promise<Check[]> {
  const { docker, options } = context;
  const declared = await wantedServices(context);
  const ours = [...builtImages(declared)];
  const built = options.build ? ours.filter((image) => !isPublished(image)) : [];
  const absent = await docker.missing([...new Set(declared.map(({ image }) => image))]);
  const pulled = absent.filter((image) => !built.includes(image));
  return [
    ...pulled.map((image): Check => ({
      name: shortName(image),
      run: async ({ say, signal }) => {
        say("pulling");
        const why = await docker.pull(image, say, signal);
        if (why === undefined) return `pulled ${image}`;
        const isOurs = ours.includes(image) && !isPublished(image);
        throw isOurs ? notBuilt(image, why) : cannotPull([image], why, declared);
      },
    })),
    ...(built.length > 0 ? [buildCheck(context, built.join(", "))] : []),
  ];
}

/** A name with a registry, an owner or a version is a published image (APP_IMAGE): pulled, not built. */
function isPublished(image: string): boolean {
  return /[/:]/.test(image);
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
          "or use the existing image: --no-build",
        ],
        evidence: stderr.split("\n").filter((line) => line.trim() !== "").slice(-8),
      });
    },
  };
}

function notBuilt(image: string, why: string): LaunchFailure {
  return prerequisite(`The image ${image} is not here`, {
    cause: `it was not built because of --no-build, and pulling it failed: ${why}`,
    next: ["run the same command without --no-build"],
  });
}

/** "grafana/loki:3.7.8" is "loki" in a table. */
function shortName(image: string): string {
  return image.split("/").at(-1)!.split(":")[0]!;
}
