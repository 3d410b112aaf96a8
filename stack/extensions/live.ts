/** Applies a change of the extensions to the running stack. */
import type { Progress } from "../checklist.ts";
import { parseExposition } from "../clients/exposition.ts";
import { createGrafana } from "../clients/grafana.ts";
import { ask } from "../clients/http.ts";
import { createPrometheus } from "../clients/prometheus.ts";
import { serviceUid } from "../dashboards/boards.ts";
import { type Compose, lastLine } from "../docker/compose.ts";
import type { Docker } from "../docker/docker.ts";
import type { Endpoints } from "../endpoints.ts";
import { LaunchFailure } from "../failure.ts";
import type { Host } from "../host.ts";
import { until } from "../wait.ts";

export interface Live {
  readonly host: Host;
  readonly docker: Docker;
  readonly compose: Compose;
  /** Of running services; empty if there are none. */
  readonly endpoints: Endpoints;
  /** Whether Docker is running. */
  readonly engine: boolean;
}

const RELOADED_MS = 20_000;
/** A scrape within the interval of 15 s, and a second one in case the first fails. */
const SCRAPED_MS = 60_000;
/** After this many failed scrapes, waiting does not help. */
const MOST_FAILED_SCRAPES = 2;
/** Grafana looks for new files every 10 s. */
const SHOWN_MS = 60_000;

/** What Prometheus says where no connection comes about. */
const NO_WAY = /\bdial\b|connection refused|no such host|no route|deadline exceeded|timeout/i;

const LAST_RELOAD = "prometheus_config_last_reload_success_timestamp_seconds";
const RELOAD_WORKED = "prometheus_config_last_reload_successful";

/**
 * Makes Prometheus reload its files, if it runs.
 *
 * @throws {LaunchFailure} of kind service, when it refuses them; the old ones then stay in force
 */
export async function reloaded({ host, compose, endpoints }: Live): Promise<void> {
  const [url] = endpoints.all("prometheus");
  if (url === undefined) return;
  const before = await reloads(host, url);
  const { code, stderr } = await compose.signal("prometheus", "SIGHUP");
  if (code !== 0) throw refused(lastLine(stderr), []);
  await until(async () => {
    const { worked, at } = await reloads(host, url);
    if (!worked && before.worked) throw refused("its log says why", await compose.logs("prometheus", 5));
    return at === before.at ? { pending: "Prometheus has not reloaded yet" } : { ready: "reloaded" };
  }, { host, deadlineMs: RELOADED_MS, everyMs: 250, late: (why) => refused(why, []) });
}

/** When it last reloaded, in seconds since 1970, and whether the last attempt succeeded. */
async function reloads(host: Host, url: string): Promise<{ worked: boolean; at: number }> {
  const families = parseExposition((await ask(host, `${url}/metrics`)).text);
  const value = (name: string) => families.get(name)?.samples[0]?.value ?? NaN;
  return { worked: value(RELOAD_WORKED) === 1, at: value(LAST_RELOAD) };
}

function refused(cause: string, evidence: readonly string[]): LaunchFailure {
  return new LaunchFailure("service", {
    what: "Prometheus rejects the new files",
    cause,
    next: [{ text: "see what it says", verb: "logs prometheus" }],
    evidence,
  });
}

/** The service's target is up. */
export async function scraped(
  { host, endpoints }: Live,
  name: string,
  { say, signal }: Progress,
): Promise<string> {
  const url = endpoints.of("prometheus");
  const prometheus = createPrometheus({ host, url });
  const failed = new Set<string>();
  const down = (cause: string) =>
    new LaunchFailure("target", {
      what: `Prometheus cannot ${NO_WAY.test(cause) ? "reach" : "scrape"} ${name}`,
      cause,
      next: [
        NO_WAY.test(cause)
          ? "is there a firewall between containers and this machine?"
          : "have the service return what Prometheus can read, then run the same command again",
      ],
    });
  return await until(async () => {
    const target = (await prometheus.targets()).find(({ job }) => job === name);
    if (target?.health === "up") return { ready: `${target.url} is up` };
    if (target?.health === "down") failed.add(target.scraped);
    if (failed.size >= MOST_FAILED_SCRAPES) throw down(target!.error);
    return { pending: target?.error || `waiting for the first scrape of ${name}` };
  }, { host, deadlineMs: SCRAPED_MS, signal, say, late: down });
}

/** Grafana shows the service's dashboard. */
export async function shown(
  { host, endpoints }: Live,
  name: string,
  login: string,
  { say, signal }: Progress,
): Promise<string> {
  const url = endpoints.of("grafana");
  const grafana = createGrafana({ host, url, login });
  return await until(async () => {
    const found = (await grafana.dashboards()).some(({ uid }) => uid === serviceUid(name));
    if (!found) return { pending: "Grafana has not loaded the dashboard yet" };
    return { ready: `${url.replace("127.0.0.1", "localhost")}/d/${serviceUid(name)}` };
  }, {
    host,
    deadlineMs: SHOWN_MS,
    signal,
    say,
    late: (why) =>
      new LaunchFailure("proof", {
        what: "Grafana does not show the dashboard",
        cause: why,
        next: [{ text: "see what it says", verb: "logs grafana" }],
      }),
  });
}
