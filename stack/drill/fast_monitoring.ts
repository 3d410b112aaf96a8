/**
 * A second Prometheus and Alertmanager beside the real ones, for as long as a fast drill lasts. They have the
 * stack's rules and routes with every duration divided; their alerts carry the label `drill`, and go to the
 * API alone, whatever receives real ones.
 */
import { dirname, join } from "node:path";
import type { Progress } from "../checklist.ts";
import { createPrometheus, type Prometheus } from "../clients/prometheus.ts";
import type { Context } from "../context.ts";
import { LaunchFailure } from "../failure.ts";
import { until } from "../wait.ts";
import type { Drill } from "./drills.ts";
import { JOBS, writeFastConfig } from "./fast_config.ts";

const READY_MS = 90_000;
const LOG_LINES = 5;
/** nobody, as in the images. */
const USER = "65534:65534";

export interface FastMonitoring extends AsyncDisposable {
  /** Waits until it has seen every target often enough. */
  ready(progress: Progress): Promise<Prometheus>;
}

/**
 * @param context one that Ctrl-C does not interrupt, so that both are always removed again
 * @throws {LaunchFailure} when Docker does not start them
 */
export async function startFastMonitoring(context: Context, drill: Drill): Promise<FastMonitoring> {
  const { compose, docker, host, paths, selection } = context;
  const { project, services } = await compose.config();
  const prometheusName = `${project}-drill-prometheus`;
  const alertmanagerName = `${project}-drill-alertmanager`;
  // Services that were left out have nothing to scrape.
  const jobs = JOBS.filter((job) => selection.wanted.some((service) => service.jobs.includes(job)));
  /** Every target has been scraped twice, which rates need, and once more. */
  const scraped = `min(count_over_time(up[1m])) >= 3 and count(count by (job) (up)) == ${jobs.length}`;
  const remove = () => docker.remove([prometheusName, alertmanagerName]);

  async function start(): Promise<void> {
    const files = join(dirname(paths.lastUpFile), "drill");
    await writeFastConfig(paths.dir, files, drill, alertmanagerName, jobs);
    const mounts = [
      `${files}:/etc/alertmanager:ro`,
      `${project}_alertmanager_secret:/run/secrets/alertmanager:ro`,
    ];
    await run(alertmanagerName, "alertmanager", mounts.flatMap((mount) => ["--volume", mount]), [
      "--config.file=/etc/alertmanager/alertmanager.yml",
      "--storage.path=/data",
      "--cluster.listen-address=",
    ]);
    const reachable = ["--publish", "127.0.0.1::9090"];
    await run(prometheusName, "prometheus", [...reachable, "--volume", `${files}:/etc/prometheus:ro`], [
      "--config.file=/etc/prometheus/prometheus.yml",
      "--storage.tsdb.path=/data",
    ]);
  }

  /** Runs a service's image, as restricted as that service. */
  async function run(
    name: string,
    service: string,
    options: readonly string[],
    command: readonly string[],
  ): Promise<void> {
    const { image } = services.find((declared) => declared.name === service)!;
    const why = await docker.run([
      ...["--name", name, "--network", `${project}_edge`, "--user", USER],
      ...["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"],
      ...((await docker.info())?.cpuQuota === false ? [] : ["--cpus", "1"]),
      ...["--memory", "512m", "--pids-limit", "256", "--tmpfs", "/data:size=128m,mode=1777"],
      // Labelled as Compose labels its own, which lets `down` remove the leftovers of a killed drill.
      ...[`project=${project}`, `service=${name}`, "oneoff=False", "config-hash=drill"]
        .flatMap((label) => ["--label", `com.docker.compose.${label}`]),
      ...options,
      image,
      ...command,
    ]);
    if (why !== undefined) throw await broken(name, why);
  }

  async function ready({ say, signal }: Progress): Promise<Prometheus> {
    const address = await docker.address(prometheusName, 9090);
    if (address === undefined) throw await broken(prometheusName, "it has exited");
    const prometheus = createPrometheus({ host, url: `http://${address}` });
    await until(async () => {
      const down = (await prometheus.targets()).find((target) => target.health === "down");
      if (down) return { pending: `${down.job}: ${down.error}` };
      const isReady = (await prometheus.instant(scraped)).length > 0;
      return isReady ? { ready: "" } : { pending: "waiting for first scrapes" };
    }, { host, deadlineMs: READY_MS, signal, say, late: (why) => broken(prometheusName, why) });
    return prometheus;
  }

  async function broken(container: string, why: string): Promise<LaunchFailure> {
    return new LaunchFailure("drill", {
      what: `${container} does not work`,
      cause: why,
      next: ["run the drill at its real pace, without --fast", {
        text: "see what is running",
        verb: "status",
      }],
      evidence: await docker.logs(container, LOG_LINES),
    });
  }

  await remove(); // leftovers of a drill that was killed
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return { ready, [Symbol.asyncDispose]: remove };
}
