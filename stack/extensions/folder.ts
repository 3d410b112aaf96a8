/** The folder of extensions: its contents, and which of them would break the stack. */
import { basename, join } from "node:path";
import { parse } from "yaml";
import * as z from "zod";
import { serviceUid } from "../dashboards/boards.ts";
import { readDashboards } from "../dashboards/model.ts";
import { parsePromQL } from "../dashboards/promql.ts";
import { readRuleGroups } from "../drill/rules.ts";
import { layOut, type Paths, readIfThere, withPath } from "../paths.ts";
import { SERVICES } from "../services.ts";
import { DashboardFile, mistypedFields, RuleFile, ScrapeFile } from "./file_shapes.ts";
import { OTLP_NAME } from "./overrides.ts";

export interface Extensions {
  /** Jobs that Prometheus scrapes. */
  readonly jobs: readonly string[];
  readonly rules: number;
  readonly dashboards: number;
  /** Overrides for Compose. */
  readonly overrides: number;
  /** Services that `adopt` added, with the address that was adopted. */
  readonly adopted: readonly { readonly name: string; readonly url: string }[];
  /** What would break: the file, and why. */
  readonly problems: readonly string[];
  /** Names in use, and the file that uses them. */
  readonly taken: Readonly<Record<Kind, ReadonlyMap<string, string>>>;
}

type Kind = "job" | "alert" | "recorded series" | "dashboard uid";

/** Begins scrape and rules of a service that `adopt` wrote; the address that was adopted follows. */
export const ADOPTED = "# Adopted: ";

const RULE_FILES = ["recording.yml", "slo.yml", "alerts.yml"];

/** Reads every file, even if others are invalid. */
export async function readExtensions(paths: Paths): Promise<Extensions> {
  const taken = await namesOfOurs(paths);
  const problems: string[] = [];
  const claim = (kind: Kind, name: string, file: string) => {
    const owner = taken[kind].get(name);
    if (owner !== undefined) problems.push(`${file}: the ${kind} ${name} is there already (${owner})`);
    return owner === undefined;
  };
  const read = async <Shape extends z.ZodType>(file: string, shape: Shape) => {
    try {
      const text = await Deno.readTextFile(join(paths.extensionsDir, file));
      const parsed = shape.safeParse(file.endsWith(".json") ? JSON.parse(text) : parse(text));
      if (parsed.success) return parsed.data as z.output<Shape>;
      problems.push(`${file}: ${inOneLine(parsed.error)}`);
    } catch (error) {
      const [first = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
      problems.push(`${file}: ${first.replace(/:$/, "")}`);
    }
    return undefined;
  };

  const jobs: string[] = [];
  for (const file of await filesIn(paths, "scrape", /\.yml$/)) {
    const found = await read(file, ScrapeFile);
    for (const job of found?.scrape_configs ?? []) {
      problems.push(...mistypedFields(job).map((problem) => `${file}: ${problem}`));
      if (claim("job", job.job_name, file)) taken.job.set(job.job_name, file);
      jobs.push(job.job_name);
    }
  }
  let rules = 0;
  for (const file of await filesIn(paths, "rules", /\.yml$/)) {
    const found = await read(file, RuleFile);
    for (const { alert, record, expr } of found?.groups.flatMap((group) => group.rules) ?? []) {
      rules++;
      // Among themselves they may share a name and differ in their labels.
      if (record !== undefined) claim("recorded series", record, file);
      if (alert !== undefined) claim("alert", alert, file);
      const { errors } = parsePromQL(`${expr}`);
      if (errors.length > 0) problems.push(`${file}: ${alert ?? record}: not PromQL ${errors[0]}`);
    }
  }
  let dashboards = 0;
  for (const file of await filesIn(paths, "dashboards", /\.json$/)) {
    const found = await read(file, DashboardFile);
    if (!found) continue;
    dashboards++;
    if (claim("dashboard uid", found.uid, file)) taken["dashboard uid"].set(found.uid, file);
  }
  const overrides = await filesIn(paths, "compose", /\.yml$/);
  for (const file of overrides) await read(file, z.looseObject({}));
  const adopted = await adoptedServices(paths);
  for (const folder of ["scrape", "rules", "compose"]) {
    for (const file of await filesIn(paths, folder, /\.yaml$/)) {
      problems.push(`${file}: is not read: name it ${basename(file, ".yaml")}.yml`);
    }
  }
  return { jobs, rules, dashboards, overrides: overrides.length, adopted, problems, taken };
}

/** "Unrecognized key: "exprr" at groups[0].rules[0]; …" */
function inOneLine(error: z.ZodError): string {
  return z.prettifyError(error).replaceAll(/\s*\n\s*→ /g, " ").replaceAll(/\s*\n\s*/g, "; ").replaceAll(
    "✖ ",
    "",
  );
}

/** Known by the first line of their scrape file, whatever was edited below it. */
async function adoptedServices(paths: Paths): Promise<Extensions["adopted"]> {
  const services = (await filesIn(paths, "scrape", /\.yml$/)).map(async (file) => {
    const [first = ""] = (await textOf(paths, file) ?? "").split("\n");
    return first.startsWith(ADOPTED)
      ? [{ name: basename(file, ".yml"), url: first.slice(ADOPTED.length).trim() }]
      : [];
  });
  return (await Promise.all(services)).flat();
}

/** Whether a service's name is free everywhere it would be used. @returns its owner, if it is not */
export async function ownerOf(name: string, paths: Paths): Promise<string | undefined> {
  const { taken } = await readExtensions(paths);
  const ours = SERVICES.find((service) =>
    service.name === name || (service.jobs as readonly string[]).includes(name)
  );
  if (ours) return `the stack's ${ours.name}`;
  if (name === OTLP_NAME) return "the override that publishes OTLP";
  for (const path of servicePaths(name)) {
    if (await textOf(paths, path) !== undefined) return `extensions/${path}`;
  }
  const job = taken.job.get(name);
  if (job !== undefined) return `the job in extensions/${job}`;
  const dashboard = taken["dashboard uid"].get(serviceUid(name));
  return dashboard && `the uid of extensions/${dashboard}`;
}

/**
 * The files that `adopt` wrote for a service, as far as they are there: all three where its scrape file is, else
 * those that say so themselves. A person's own files of that name are not among them.
 */
export async function filesOfService(name: string, paths: Paths): Promise<string[]> {
  const files = servicePaths(name);
  const texts = await Promise.all(files.map((file) => textOf(paths, file)));
  const [isAdopted, ...others] = [
    texts[0]?.startsWith(ADOPTED),
    texts[1]?.startsWith(ADOPTED),
    texts[2]?.includes(`"uid": "${serviceUid(name)}"`),
  ];
  return files.filter((_file, i) => texts[i] !== undefined && (isAdopted || others[i - 1]));
}

/** The paths of the files of a service that was adopted, below the folder. */
export function servicePaths(name: string): string[] {
  return [`scrape/${name}.yml`, `rules/${name}.yml`, `dashboards/${name}.json`];
}

/** Writes files of the folder, readable by containers. @param files text by path below the folder */
export async function writeFiles(paths: Paths, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [file, text] of files) await layOut(join(paths.extensionsDir, file), text, 0o644);
}

/** Removes files of the folder; a missing one is not an error. */
export async function removeFiles(paths: Paths, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const path = join(paths.extensionsDir, file);
    await withPath(path, () => Deno.remove(path)).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}

/** The text of a file of the folder; undefined where there is none. */
export async function textOf(paths: Paths, file: string): Promise<string | undefined> {
  return await readIfThere(join(paths.extensionsDir, file));
}

/** What files of the folder hold now, to be put back by `restore`; undefined where there is none. */
export async function snapshot(
  paths: Paths,
  files: readonly string[],
): Promise<ReadonlyMap<string, string | undefined>> {
  return new Map(
    await Promise.all(files.map(async (file) => [file, await textOf(paths, file)] as const)),
  );
}

/** @returns the files that had changed */
export async function restore(
  paths: Paths,
  before: ReadonlyMap<string, string | undefined>,
): Promise<string[]> {
  const changed: string[] = [];
  for (const [file, text] of before) {
    if (await textOf(paths, file) === text) continue;
    changed.push(file);
    if (text === undefined) await removeFiles(paths, [file]);
    else await writeFiles(paths, new Map([[file, text]]));
  }
  return changed;
}

/** Names that are in use, and the file that uses them. */
async function namesOfOurs({ dir }: Paths): Promise<Record<Kind, Map<string, string>>> {
  const rules = (await Promise.all(
    RULE_FILES.map(async (file) =>
      (await readRuleGroups(dir, file)).flatMap((group) => group.rules.map((rule) => ({ ...rule, file })))
    ),
  )).flat();
  const named = (key: "alert" | "record") =>
    new Map<string, string>(
      rules.flatMap((rule) => rule[key] === undefined ? [] : [[rule[key], `config/prometheus/${rule.file}`]]),
    );
  return {
    "job": new Map<string, string>(
      SERVICES.flatMap(({ jobs }) => jobs.map((job) => [job, `config/prometheus.yml`] as const)),
    ),
    "alert": named("alert"),
    "recorded series": named("record"),
    "dashboard uid": new Map<string, string>(
      (await readDashboards(dir)).map(({ uid }) => [uid, `config/grafana/dashboards`] as const),
    ),
  };
}

/** Paths below the folder of extensions, sorted; none where there is no such folder. */
async function filesIn({ extensionsDir }: Paths, folder: string, pattern: RegExp): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(join(extensionsDir, folder)));
    return entries.map(({ name }) => name).filter((name) => pattern.test(name)).sort().map((name) =>
      `${folder}/${name}`
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
