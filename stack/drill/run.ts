import type { Endpoints } from "../docker/endpoints.ts";
import { LaunchFailure } from "../failure.ts";
import { failuresOf, type Row, type RunningRow, runPhase } from "../checklist.ts";
import { Prometheus } from "../clients/prometheus.ts";
import { observe, openSession, type Session } from "../context.ts";
import { seconds } from "../output/text.ts";
import { AlertWatch } from "./alert_watch.ts";
import type { Drill } from "./drills.ts";
import { FastMonitoring } from "./fast_monitoring.ts";
import { type Account, Load } from "./load.ts";
import { SPEED } from "./pace.ts";
import { Receiver } from "./receiver.ts";

/** Seconds from the break until the alert was pending, was firing, and its receiver had heard of it and of its end. */
export interface Course {
  pending?: number;
  firing?: number;
  delivered?: number;
  resolved?: number;
}

/** A first slow thought takes 31 s, and a window of 5 minutes may be full of better times. */
const PENDING_MS = 7 * 60_000;
/** Beyond its `for`: scrapes and evaluations. */
const FIRING_MS = 120_000;
/** Alertmanager gathers warnings for 10 s. */
const DELIVERED_MS = 60_000;
/** Windows of up to 15 minutes, and a minute between two notifications. */
const RESOLVED_MS = 20 * 60_000;

/** One drill under way: what it has to wait for, row by row, and what it has to put right again. */
export class DrillRun {
  readonly course: Course = {};
  readonly #load: Load;
  #watch: AlertWatch;
  #monitoring: FastMonitoring | undefined;
  #forSeconds = 0;
  #brokenAt = 0;
  #brokenOn = new Date(0);
  #isBroken = false;

  private constructor(
    private readonly session: Session,
    /** For what has to be done to its end. */
    private readonly steady: Session,
    private readonly drill: Drill,
    private readonly fast: boolean,
    endpoints: Endpoints,
  ) {
    this.#load = new Load(steady.host, endpoints.of("api"));
    this.#watch = this.#watchAt(new Prometheus(session.host, endpoints.of("prometheus")));
  }

  /** @throws {LaunchFailure} when the stack does not run */
  static async open(session: Session, drill: Drill, fast: boolean): Promise<DrillRun> {
    const { host, home, view, asked } = session;
    const { endpoints } = await observe(session);
    const steady = await openSession(host.uninterrupted(), home, view, asked);
    return new DrillRun(session, steady, drill, fast, endpoints);
  }

  get thoughts(): Account {
    return this.#load.account;
  }

  /** What has to be so before anything may be broken. */
  beforeRows(): Row[] {
    const speedUp: Row = { name: "monitoring", after: ["services"], run: (row) => this.#speedUp(row) };
    return [
      { name: "services", run: () => this.#servicesWell() },
      ...(this.fast ? [speedUp] : []),
      { name: "quiet", after: [this.fast ? "monitoring" : "services"], run: () => this.#quiet() },
    ];
  }

  alertRows(): Row[] {
    return [
      { name: "broken", run: (row) => this.#break(row) },
      { name: "pending", after: ["broken"], run: (row) => this.#pending(row) },
      { name: "firing", after: ["pending"], run: (row) => this.#firing(row) },
      { name: "delivered", after: ["firing"], run: (row) => this.#delivered(row) },
    ];
  }

  mendRows(): Row[] {
    const resolved: Row = { name: "resolved", after: ["mended"], run: (row) => this.#resolved(row) };
    const rang = this.course.delivered !== undefined;
    return [
      { name: "mended", run: (row) => this.#mend(row) },
      ...(rang ? [resolved] : []),
      // Thoughts go on coming until then: without good requests there is no error ratio to fall.
      { name: "kept", after: [rang ? "resolved" : "mended"], run: (row) => this.#kept(row) },
    ];
  }

  /** Leaves the stack as it was found. @throws {LaunchFailure} when it cannot be mended */
  async close(): Promise<void> {
    try {
      if (this.#isBroken) await this.#mendAfterAll();
    } finally {
      await this.#monitoring?.[Symbol.asyncDispose]();
      await this.#load.stop();
      await this.#load.forget();
    }
  }

  async #servicesWell(): Promise<string> {
    const { compose, selection } = this.session;
    const containers = await compose.ps();
    const needed = selection.wanted.filter((service) =>
      (service.core && !service.once) || service.name === "alertmanager" || service.name === this.drill.needs
    );
    for (const { name } of needed) {
      const own = containers.filter((c) => c.service === name);
      const sick = own.find((c) => c.state !== "running" || c.health !== "healthy");
      if (own.length > 0 && !sick) continue;
      const cause = sick?.status ?? "it has no container";
      throw notNow(`${name} is not well`, cause, "start it: deno task monitoring");
    }
    return `healthy: ${needed.map(({ name }) => name).join(", ")}`;
  }

  async #speedUp(row: RunningRow): Promise<string> {
    row.say("starting a second Prometheus and Alertmanager");
    this.#monitoring = await FastMonitoring.start(this.steady, this.drill);
    this.#watch = this.#watchAt(await this.#monitoring.ready(row));
    return `its own Prometheus and Alertmanager, every duration divided by ${SPEED}`;
  }

  async #quiet(): Promise<string> {
    const { alert, severity } = this.drill;
    const { state, forSeconds } = await this.#watch.look();
    this.#forSeconds = forSeconds;
    if (state === "pending" || state === "firing") {
      const runbook = `what it means, and what to do: MONITORING.md#${alert.toLowerCase()}`;
      throw notNow(`${alert} (${severity}) is ${state} already`, "something is broken as it is", runbook);
    }
    return `${alert} (${severity}) is silent; ${
      forSeconds > 0 ? `fires after ${forSeconds} s` : "fires at once"
    }`;
  }

  async #break({ say }: RunningRow): Promise<string> {
    const { host } = this.steady;
    this.#brokenAt = host.now();
    this.#brokenOn = new Date();
    this.#isBroken = true;
    const done = await this.drill.damage.inflict(this.steady, { say, signal: host.signal });
    this.#load.start(this.drill.load);
    return done;
  }

  async #pending(row: RunningRow): Promise<string> {
    await this.#watch.reach(["pending", "firing"], PENDING_MS, row);
    return this.#reached("pending", "its condition is true");
  }

  async #firing(row: RunningRow): Promise<string> {
    await this.#watch.reach(["firing"], this.#forSeconds * 1000 + FIRING_MS, row);
    return this.#reached("firing", "Prometheus tells Alertmanager");
  }

  async #delivered(row: RunningRow): Promise<string> {
    await this.#watch.heard("firing", this.#brokenOn, DELIVERED_MS, row);
    return this.#reached("delivered", "the API has logged it");
  }

  async #resolved(row: RunningRow): Promise<string> {
    await this.#watch.reach(["inactive"], RESOLVED_MS, row);
    await this.#watch.heard("resolved", this.#brokenOn, RESOLVED_MS, row);
    return this.#reached("resolved", "the API has logged its end");
  }

  async #mend({ say }: RunningRow): Promise<string> {
    const done = await this.drill.damage.mend(this.steady, { say, signal: this.steady.host.signal });
    this.#isBroken = false;
    return done;
  }

  async #kept(row: RunningRow): Promise<string> {
    await this.#load.stop();
    return await this.#load.settled(row);
  }

  async #mendAfterAll(): Promise<void> {
    const rows: Row[] = [{ name: "mended", run: (row) => this.#mend(row) }];
    const [failure] = failuresOf(await runPhase(this.steady.host, this.steady.view, { name: "mend", rows }));
    if (failure) throw failure;
  }

  #watchAt(prometheus: Prometheus): AlertWatch {
    const { host, compose } = this.session;
    const receiver = new Receiver(compose, this.fast ? this.drill.name : undefined);
    return new AlertWatch(host, this.drill, prometheus, receiver);
  }

  #reached(stage: keyof Course, means: string): string {
    const after = this.course[stage] = (this.session.host.now() - this.#brokenAt) / 1000;
    return `after ${seconds(after)}: ${means}`;
  }
}

function notNow(what: string, cause: string, next: string): LaunchFailure {
  return new LaunchFailure("drill", { what: `No drill now: ${what}`, cause, next: [next] });
}
