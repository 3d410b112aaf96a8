import { LaunchFailure } from "../failure.ts";
import type { RunningRow } from "../checklist.ts";
import { Prometheus, type Target } from "../clients/prometheus.ts";
import { until } from "../wait.ts";
import type { Proven } from "./context.ts";

/** The first scrape of a target comes within an interval of 15 s; new replicas are looked up every few seconds. */
const TARGETS_MS = 90_000;
/** Scrapes that failed since we look: after the second, a target does not come up by itself. */
const FAILED_SCRAPES_THAT_TELL = 2;

/** Every target of the selected services is up, one for each worker. */
export async function targetsUp(proven: Proven, { say, signal }: RunningRow): Promise<string> {
  const { host, endpoints, selection, workers } = proven;
  const prometheus = new Prometheus(host, endpoints.of("prometheus"));
  const jobs = selection.wanted.flatMap((service) => service.jobs);
  const failures = new FailedScrapes();
  let down: Target | undefined;
  return await until(async () => {
    const targets = (await prometheus.targets()).filter((t) => jobs.includes(t.job));
    down = targets.find((t) => t.health === "down");
    const hopeless = targets.find((t) => failures.count(t) >= FAILED_SCRAPES_THAT_TELL);
    if (hopeless) throw staysDown(hopeless, proven);
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
    late: (why) => down ? staysDown(down, proven) : neverSeen(why, proven),
  });
}

/** Counts the scrapes of each target that failed after the first look. */
class FailedScrapes {
  readonly #seen = new Map<string, Set<string>>();

  count(target: Target): number {
    if (target.health === "up") this.#seen.delete(target.url);
    if (target.health !== "down") return 0;
    const scrapes = this.#seen.get(target.url) ?? new Set();
    this.#seen.set(target.url, scrapes.add(target.scraped));
    return scrapes.size - 1;
  }
}

function staysDown(target: Target, { endpoints, selection }: Proven): LaunchFailure {
  const service = selection.wanted.find((s) => s.jobs.includes(target.job))?.name ?? target.job;
  return new LaunchFailure("target", {
    what: `Prometheus's target ${target.job} stays down`,
    cause: target.error || "Prometheus gives no reason",
    next: [
      `see what ${service} says: deno task monitoring logs ${service}`,
      `and all targets: ${endpoints.of("prometheus")}/targets`,
    ],
    evidence: [`${target.url} ${target.health} ${target.error}`],
  });
}

function neverSeen(why: string, { endpoints }: Proven): LaunchFailure {
  return new LaunchFailure("target", {
    what: "Prometheus does not scrape every service",
    cause: why,
    next: [`see its targets: ${endpoints.of("prometheus")}/targets`, "compare config/prometheus.yml"],
  });
}
