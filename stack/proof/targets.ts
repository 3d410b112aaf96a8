/** Checks that every Prometheus target of the selected services is up, one for each worker. */
import { LaunchFailure } from "../failure.ts";
import type { Finding, Progress } from "../checklist.ts";
import { createPrometheus, type Target } from "../clients/prometheus.ts";
import { SERVICES } from "../services.ts";
import { until } from "../wait.ts";
import type { RunningStack } from "../running_stack.ts";

/** The jobs that our rules and dashboards use. */
const OURS: readonly string[] = SERVICES.flatMap(({ jobs }) => jobs);
/**
 * The first scrape of a target comes within an interval of 15 s; new replicas are discovered within seconds.
 */
const TARGETS_MS = 90_000;
/** After two failed scrapes since the first poll, a target does not recover by itself. */
const MOST_FAILED_SCRAPES = 2;

/** A person's own services are not part of the stack: one that is down is reported, and fails nothing. */
export async function targetsUp(stack: RunningStack, { say, signal }: Progress): Promise<string | Finding> {
  const { host, endpoints, selection, workers } = stack;
  const prometheus = createPrometheus({ host, url: endpoints.of("prometheus") });
  const jobs = selection.wanted.flatMap((service) => service.jobs);
  const failures = createFailedScrapes();
  let down: Target | undefined;
  let own: readonly Target[] = [];
  const text = await until(async () => {
    const all = await prometheus.targets();
    own = all.filter((t) => !OURS.includes(t.job) && t.health === "down");
    const targets = all.filter((t) => jobs.includes(t.job));
    down = targets.find((t) => t.health === "down");
    const broken = targets.find((t) => failures.count(t) >= MOST_FAILED_SCRAPES);
    if (broken) throw staysDown(broken, stack);
    const missing = [
      ...jobs.filter((job) => !targets.some((t) => t.job === job)),
      ...targets.filter((t) => t.health !== "up").map((t) => t.job),
      ...(targets.filter((t) => t.job === "kafka-worker").length < workers ? ["kafka-worker"] : []),
    ];
    if (missing.length === 0) return { ready: `${targets.length} of ${targets.length} up` };
    const up = targets.filter((t) => t.health === "up").length;
    return { pending: `${up} up, waiting for ${[...new Set(missing)].join(", ")}` };
  }, {
    host,
    deadlineMs: TARGETS_MS,
    signal,
    say,
    late: (why) => down ? staysDown(down, stack) : neverSeen(why, stack),
  });
  if (own.length === 0 || stack.howToGive) return text;
  const notes = own.map(({ job, error }) => `your own ${job} is down: ${error || "no reason given"}`);
  return { text, warn: true, notes };
}

/** Counts the scrapes of each target that failed after the first poll. */
function createFailedScrapes() {
  const seen = new Map<string, Set<string>>();

  function count(target: Target): number {
    if (target.health === "up") seen.delete(target.url);
    if (target.health !== "down") return 0;
    const scrapes = seen.get(target.url) ?? new Set();
    seen.set(target.url, scrapes.add(target.scraped));
    return scrapes.size - 1;
  }

  return { count };
}

function staysDown(target: Target, { endpoints, selection }: RunningStack): LaunchFailure {
  const service = selection.wanted.find((s) => s.jobs.includes(target.job))?.name ?? target.job;
  return new LaunchFailure("target", {
    what: `Prometheus's target ${target.job} stays down`,
    cause: target.error || "Prometheus gives no reason",
    next: [
      { text: `see what ${service} says`, verb: `logs ${service}` },
      `and all targets: ${endpoints.of("prometheus")}/targets`,
    ],
    evidence: [`${target.url} ${target.health} ${target.error}`],
  });
}

function neverSeen(why: string, { endpoints }: RunningStack): LaunchFailure {
  return new LaunchFailure("target", {
    what: "Prometheus does not scrape every service",
    cause: why,
    next: [`see its targets: ${endpoints.of("prometheus")}/targets`, "compare config/prometheus.yml"],
  });
}
