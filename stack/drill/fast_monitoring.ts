import { dirname, join } from "node:path";
import { LaunchFailure } from "../failure.ts";
import type { RunningRow } from "../checklist.ts";
import { Prometheus } from "../clients/prometheus.ts";
import type { Session } from "../context.ts";
import { until } from "../wait.ts";
import type { Drill } from "./drills.ts";
import { JOBS, writeFastConfig } from "./fast_config.ts";

/** Every target has been scraped twice, which rates need, and once more. */
const READY = `min(count_over_time(up[1m])) >= 3 and count(count by (job) (up)) == ${JOBS.length}`;
const READY_MS = 90_000;
const LOG_LINES = 5;
/** nobody, as the images have it. */
const USER = "65534:65534";

/**
 * A second Prometheus and Alertmanager beside the real ones, for as long as a fast drill lasts. They have the stack's
 * rules and routes with every duration divided; their alerts carry the label `drill`, and go to the API alone, whoever
 * else is told of real ones.
 */
export class FastMonitoring implements AsyncDisposable {
  readonly #prometheus: string;
  readonly #alertmanager: string;

  private constructor(private readonly session: Session, private readonly project: string) {
    this.#prometheus = `${project}-drill-prometheus`;
    this.#alertmanager = `${project}-drill-alertmanager`;
  }

  /**
   * @param session one that Ctrl-C does not interrupt, so that both are always removed again
   * @throws {LaunchFailure} when Docker does not start them
   */
  static async start(session: Session, drill: Drill): Promise<FastMonitoring> {
    const { project } = await session.compose.config();
    const monitoring = new FastMonitoring(session, project);
    await monitoring[Symbol.asyncDispose](); // those of a drill that was killed
    try {
      await monitoring.#start(drill);
      return monitoring;
    } catch (error) {
      await monitoring[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Waits until it has seen every target often enough. */
  async ready({ say, signal }: RunningRow): Promise<Prometheus> {
    const { host, docker } = this.session;
    const address = await docker.address(this.#prometheus, 9090);
    if (address === undefined) throw await this.#broken(this.#prometheus, "it has exited");
    const prometheus = new Prometheus(host, `http://${address}`);
    await until(async () => {
      const down = (await prometheus.targets()).find((target) => target.health === "down");
      if (down) return { pending: `${down.job}: ${down.error}` };
      const ready = (await prometheus.instant(READY)).length > 0;
      return ready ? { ready: "" } : { pending: "waiting for first scrapes" };
    }, { host, deadlineMs: READY_MS, signal, say, late: (why) => this.#broken(this.#prometheus, why) });
    return prometheus;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.session.docker.remove([this.#prometheus, this.#alertmanager]);
  }

  async #start(drill: Drill): Promise<void> {
    const { home } = this.session;
    const files = join(dirname(home.choiceFile), "drill");
    await writeFastConfig(home.dir, files, drill, this.#alertmanager);
    await this.#run(this.#alertmanager, "alertmanager", ["--volume", `${files}:/etc/alertmanager:ro`], [
      "--config.file=/etc/alertmanager/alertmanager.yml",
      "--storage.path=/data",
      "--cluster.listen-address=",
    ]);
    const reachable = ["--publish", "127.0.0.1::9090"];
    await this.#run(
      this.#prometheus,
      "prometheus",
      [...reachable, "--volume", `${files}:/etc/prometheus:ro`],
      [
        "--config.file=/etc/prometheus/prometheus.yml",
        "--storage.tsdb.path=/data",
      ],
    );
  }

  /** As strict as the real one of which it has the image. */
  async #run(
    name: string,
    service: string,
    options: readonly string[],
    command: readonly string[],
  ): Promise<void> {
    const { compose, docker } = this.session;
    const { image } = (await compose.config()).services.find((s) => s.name === service)!;
    const why = await docker.run([
      ...["--name", name, "--network", `${this.project}_edge`, "--user", USER],
      ...["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"],
      ...["--memory", "512m", "--cpus", "1", "--pids-limit", "256", "--tmpfs", "/data:size=128m,mode=1777"],
      // Labelled as Compose labels its own, so that `down` removes what a killed drill left.
      ...[`project=${this.project}`, `service=${name}`, "oneoff=False", "config-hash=drill"]
        .flatMap((label) => ["--label", `com.docker.compose.${label}`]),
      ...options,
      image,
      ...command,
    ]);
    if (why !== undefined) throw await this.#broken(name, why);
  }

  async #broken(container: string, why: string): Promise<LaunchFailure> {
    return new LaunchFailure("drill", {
      what: `${container} does not work`,
      cause: why,
      next: ["try the drill at its real pace: without --fast", "see what runs: deno task monitoring status"],
      evidence: await this.session.docker.logs(container, LOG_LINES),
    });
  }
}
