/** Adopts a person's own service, removes it again, or lists those that are adopted. */
import { type Check, failuresOf, runChecklist } from "../checklist.ts";
import { type Context, grafanaLogin, openContext } from "../context.ts";
import { lastLine } from "../docker/compose.ts";
import { checkExtensions } from "../doctor/extensions.ts";
import { checkProject } from "../doctor/project.ts";
import { createEndpoints, type Endpoints } from "../endpoints.ts";
import {
  filesOfService,
  ownerOf,
  readExtensions,
  removeFiles,
  restore,
  servicePaths,
  snapshot,
  textOf,
  writeFiles,
} from "../extensions/folder.ts";
import { type Live, reloaded, scraped, shown } from "../extensions/live.ts";
import { readMetrics } from "../extensions/metrics.ts";
import { OTLP_FILE, OTLP_NAME, OTLP_OVERRIDE } from "../extensions/overrides.ts";
import { reachFromContainers } from "../extensions/reach.ts";
import { LaunchFailure } from "../failure.ts";
import { createReport, type Report } from "../output/report.ts";
import { suggestion } from "../suggestion.ts";

/** Longer than Tempo's grace period. */
const RECREATE_MS = 120_000;

export async function adopt(context: Context): Promise<Report> {
  const { paths, options } = context;
  const { url, name, remove, otlp } = options.adopt;
  if (remove === undefined && url === undefined && name === undefined && !otlp) {
    return createReport(context, { adopted: (await readExtensions(paths)).adopted });
  }
  if (remove !== undefined && (url !== undefined || name !== undefined || otlp)) {
    throw new LaunchFailure("usage", {
      what: "--remove takes nothing beside it",
      next: [
        { text: "remove it", verb: `adopt --remove ${remove}` },
        "then run the command again without --remove",
      ],
    });
  }
  if ((url === undefined) !== (name === undefined)) {
    const whole = `adopt ${url ?? "http://localhost:3000/metrics"} --name ${name ?? "shop"}`;
    throw new LaunchFailure("usage", {
      what: url === undefined ? "The address of its metrics is missing" : "The service needs a name",
      next: [{ text: "give both", verb: whole }],
    });
  }
  const live = await lookAtStack(context);
  if (remove !== undefined) {
    const files = remove === OTLP_NAME ? [OTLP_FILE] : servicePaths(remove);
    return await allOrNothing(context, live, files, removalChecks(context, live, remove));
  }
  const checks = url && name ? adoptionChecks(context, live, url, name) : [];
  const last = checks.map((check) => check.name);
  const files = [...(name ? servicePaths(name) : []), ...(otlp ? [OTLP_FILE] : [])];
  return await allOrNothing(
    context,
    live,
    files,
    [...checks, ...(otlp ? [otlpCheck(context, live, last)] : [])],
  );
}

/** What a run may use of the stack, as far as it is up. */
async function lookAtStack(context: Context): Promise<Live> {
  const { host, docker, compose } = context;
  const engine = await docker.engine();
  const nothing: Endpoints = createEndpoints([]);
  if (engine.state !== "running") return { host, docker, compose, endpoints: nothing, engine: false };
  try {
    await checkProject(context);
    return { host, docker, compose, endpoints: createEndpoints(await compose.ps()), engine: true };
  } catch (error) {
    // Compose does not say which of its files it cannot read.
    await checkExtensions(context.paths);
    throw error;
  }
}

async function conclude(context: Context, checks: readonly Check[]): Promise<Report> {
  const checklist = await runChecklist(context.host, context.view, { name: "adopt", checks });
  const adopted = failuresOf(checklist).length === 0 && (await readExtensions(context.paths)).adopted;
  return createReport(context, { checklists: [checklist], ...(adopted && { adopted }) });
}

/** Puts the files back if anything fails or on Ctrl-C, and has the stack read them again. */
async function allOrNothing(
  context: Context,
  live: Live,
  files: readonly string[],
  checks: readonly Check[],
): Promise<Report> {
  const { paths, view, options } = context;
  const before = await snapshot(paths, files);
  const undo = async () => {
    const changed = await restore(paths, before);
    if (changed.length === 0) return;
    const { host, compose } = await openContext(context.host.uninterrupted(), paths, view, options);
    const steady = { ...live, host, compose };
    if (changed.some((file) => file !== OTLP_FILE)) await reloaded(steady).catch(() => {});
    // Where a port was taken, Docker has removed the Tempo that ran.
    if (changed.includes(OTLP_FILE)) await recreateTempo(steady, "as before").catch(() => {});
  };
  try {
    const report = await conclude(context, checks);
    if (report.failures.length > 0) await undo();
    return report;
  } catch (error) {
    await undo();
    throw error;
  }
}

function adoptionChecks(context: Context, live: Live, url: URL, name: string): Check[] {
  const { paths } = context;
  let metrics: Awaited<ReturnType<typeof readMetrics>> | undefined;
  let target = "";
  const free = async () => {
    const owner = await ownerOf(name, paths);
    if (owner === undefined) return `${name} is free`;
    const isAdopted = (await filesOfService(name, paths)).length > 0;
    throw new LaunchFailure("usage", {
      what: `The name ${name} is taken`,
      cause: `by ${owner}`,
      next: [
        "choose another --name",
        ...(isAdopted ? [{ text: "or remove that one first", verb: `adopt --remove ${name}` }] : []),
      ],
    });
  };
  const read = async () => {
    metrics = await readMetrics(live, url);
    return { text: metrics.summary, notes: metrics.found };
  };
  const write = async () => {
    const { requests, process, typed } = metrics!;
    const service = { name, url, target, process, typed, ...(requests && { requests }) };
    // The builders of dashboards take as long to load as the rest of the launcher.
    const { serviceFiles } = await import("../extensions/service_files.ts");
    await writeFiles(paths, serviceFiles(service));
    const started = live.endpoints.all("prometheus").length > 0;
    const files = `scrape, rules and dashboard of ${name}`;
    return started ? files : { text: files, notes: ["the next start of the stack reads them"] };
  };
  const checks: Check[] = [
    { name: "name", run: free },
    { name: "extensions", run: () => checkExtensions(paths) },
    { name: "metrics", after: ["name"], run: read },
    {
      name: "reachable",
      after: ["metrics"],
      run: async () => {
        const reach = await reachFromContainers(live, url, name);
        target = reach.target;
        return reach.finding;
      },
    },
    { name: "files", after: ["name", "extensions", "metrics", "reachable"], run: write },
  ];
  if (live.endpoints.all("prometheus").length > 0) {
    checks.push({
      name: "scraped",
      after: ["files"],
      run: async (progress) => {
        await reloaded(live);
        return await scraped(live, name, progress);
      },
    });
  }
  if (live.endpoints.all("grafana").length > 0) {
    checks.push({
      name: "dashboard",
      after: ["files"],
      run: async (progress) => {
        const { user, password } = await grafanaLogin(context);
        return await shown(live, name, `${user}:${password}`, progress);
      },
    });
  }
  return checks;
}

function removalChecks(context: Context, live: Live, name: string): Check[] {
  const { paths } = context;
  if (name === OTLP_NAME) {
    return [{
      name: OTLP_NAME,
      run: async () => {
        if (await textOf(paths, OTLP_FILE) === undefined) {
          throw new LaunchFailure("usage", {
            what: "OTLP is not published on this machine",
            next: [{ text: "publish it", verb: "adopt --otlp" }],
          });
        }
        await removeFiles(paths, [OTLP_FILE]);
        return await recreateTempo(live, "OTLP is reachable inside the stack only");
      },
    }];
  }
  return [{
    name: "files",
    run: async () => {
      const files = await filesOfService(name, paths);
      if (files.length === 0) {
        const adopted = (await readExtensions(paths)).adopted.map((service) => service.name);
        throw new LaunchFailure("usage", {
          what: `${name} is not adopted`,
          next: [...suggestion(name, adopted), `adopted are: ${adopted.join(", ") || "none"}`],
        });
      }
      await removeFiles(paths, files);
      await reloaded(live);
      const which = files.length === servicePaths(name).length
        ? `scrape, rules and dashboard of ${name}`
        : files.join(", ");
      return `${which} removed; what Prometheus has stored ages out`;
    },
  }];
}

/** Publishes Tempo's OTLP ports on loopback. */
function otlpCheck({ paths }: Context, live: Live, after: readonly string[]): Check {
  return {
    name: OTLP_NAME,
    after,
    run: async () => {
      if (await textOf(paths, OTLP_FILE) !== undefined) {
        return await recreateTempo(live, `published already, as extensions/${OTLP_FILE} says`);
      }
      await writeFiles(paths, new Map([[OTLP_FILE, OTLP_OVERRIDE]]));
      return await recreateTempo(live, "127.0.0.1:4317 (gRPC) and :4318 (HTTP)");
    },
  };
}

async function recreateTempo({ compose, endpoints, host }: Live, text: string): Promise<string> {
  if (endpoints.all("tempo").length === 0) return `${text}, from the next start on`;
  const { code, stderr } = await compose.up(["tempo"], RECREATE_MS, host.signal);
  if (code === 0) return text;
  throw new LaunchFailure("service", {
    what: "Tempo cannot be started with these ports",
    cause: lastLine(stderr),
    next: ["stop the program that listens on 4317 or 4318", { text: "start the stack", verb: "" }],
  });
}
