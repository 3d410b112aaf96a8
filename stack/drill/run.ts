/** One running drill: its checks, and what has to be repaired afterwards. */
import { type Check, failuresOf, type Finding, type Progress, runChecklist } from "../checklist.ts";
import { createPrometheus, type Prometheus } from "../clients/prometheus.ts";
import { type Context, observe, openContext } from "../context.ts";
import { LaunchFailure, type Step } from "../failure.ts";
import { seconds } from "../output/format.ts";
import { type AlertWatch, createAlertWatch } from "./alert_watch.ts";
import type { Drill } from "./drills.ts";
import { type FastMonitoring, startFastMonitoring } from "./fast_monitoring.ts";
import { createLoad } from "./load.ts";
import { SPEED } from "./pace.ts";
import { createReceiver, type Notification } from "./receiver.ts";

/**
 * Seconds from the fault until the alert was pending, was firing, and its receiver was notified of it and of
 * its end.
 */
export interface AlertTimes {
  pending?: number;
  firing?: number;
  delivered?: number;
  resolved?: number;
}

/** The first slow thought takes 31 s, and a window of 5 minutes may be full of fast ones. */
const PENDING_MS = 7 * 60_000;
/** Beyond its `for`: scrapes and evaluations. */
const FIRING_MS = 120_000;
/** Alertmanager groups the warnings of a fault for a minute. */
const DELIVERED_MS = 150_000;
/** Windows of up to 15 minutes, and a minute between two notifications. */
const RESOLVED_MS = 20 * 60_000;

export type DrillRun = Awaited<ReturnType<typeof openDrillRun>>;

/** @throws {LaunchFailure} when the stack is not running */
export async function openDrillRun(context: Context, drill: Drill, fast: boolean) {
  const { host, paths, view, options } = context;
  const { endpoints, apiKey: key } = await observe(context);
  /** For work that must finish: Ctrl-C does not reach it. */
  const steady = await openContext(host.uninterrupted(), paths, view, options);
  const load = createLoad({ host: steady.host, url: endpoints.of("api"), key });
  const times: AlertTimes = {};
  let watch = watchAt(createPrometheus({ host, url: endpoints.of("prometheus") }));
  let monitoring: FastMonitoring | undefined;
  let forSeconds = 0;
  let brokenAt = 0;
  let brokenOn = new Date(0);
  let isBroken = false;
  let notifications: readonly Notification[] | undefined;

  /** What must hold before anything is broken. */
  function beforeChecks(): Check[] {
    return [
      { name: "services", run: servicesHealthy },
      ...(fast ? [{ name: "monitoring", after: ["services"], run: startFast }] : []),
      { name: "quiet", after: [fast ? "monitoring" : "services"], run: quiet },
    ];
  }

  function alertChecks(): Check[] {
    return [
      { name: "broken", run: injectFault },
      { name: "pending", after: ["broken"], run: pending },
      { name: "firing", after: ["pending"], run: firing },
      { name: "delivered", after: ["firing"], run: delivered },
      ...(options.holdMs > 0 ? [{ name: "held", after: ["delivered"], run: held }] : []),
    ];
  }

  function repairChecks(): Check[] {
    const wasDelivered = times.delivered !== undefined;
    return [
      { name: "repaired", run: repair },
      ...(wasDelivered ? [{ name: "resolved", after: ["repaired"], run: resolved }] : []),
      // A fast drill's Prometheus has one alert: it cannot show what else would be reported.
      ...(wasDelivered && !fast ? [{ name: "notified", after: ["resolved"], run: notified }] : []),
      // Thoughts are posted until then: without good requests the error ratio could not fall.
      { name: "completed", after: [wasDelivered ? "resolved" : "repaired"], run: allCompleted },
    ];
  }

  /** Restores the stack as it was found. @throws {LaunchFailure} when it cannot be repaired */
  async function close(): Promise<void> {
    try {
      if (isBroken) await repairAfterAll();
    } finally {
      await monitoring?.[Symbol.asyncDispose]();
      await load.stop();
      await load.forget();
    }
  }

  async function servicesHealthy(): Promise<string> {
    const { compose, selection } = context;
    const containers = await compose.ps();
    const needed = selection.wanted.filter((service) =>
      (service.core && !service.once) || service.name === "alertmanager" || service.name === drill.needs
    );
    for (const { name } of needed) {
      const own = containers.filter((container) => container.service === name);
      const sick = own.find(({ state, health }) => state !== "running" || health !== "healthy");
      if (own.length > 0 && !sick) continue;
      throw refused(`${name} is not healthy`, sick?.status ?? "it has no container", {
        text: "start it",
        verb: "",
      });
    }
    return `healthy: ${needed.map(({ name }) => name).join(", ")}`;
  }

  async function startFast(progress: Progress): Promise<string> {
    progress.say("starting a second Prometheus and Alertmanager");
    monitoring = await startFastMonitoring(steady, drill);
    watch = watchAt(await monitoring.ready(progress));
    return `its own Prometheus and Alertmanager, every duration divided by ${SPEED}`;
  }

  async function quiet(): Promise<string> {
    const { alert, severity } = drill;
    const rule = await watch.rule();
    forSeconds = rule.forSeconds;
    if (rule.state === "pending" || rule.state === "firing") {
      throw refused(
        `${alert} (${severity}) is ${rule.state} already`,
        "something is broken without a drill",
        `what it means, and what to do: MONITORING.md#${alert.toLowerCase()}`,
      );
    }
    return `${alert} (${severity}) is silent; ${
      forSeconds > 0 ? `fires after ${forSeconds} s` : "fires at once"
    }`;
  }

  async function injectFault({ say }: Progress): Promise<string> {
    brokenAt = steady.host.now();
    brokenOn = new Date();
    isBroken = true;
    const done = await drill.fault.inject(steady, { say, signal: steady.host.signal });
    load.start(drill.load);
    return done;
  }

  async function pending(progress: Progress): Promise<string> {
    await watch.reached(["pending", "firing"], PENDING_MS, progress);
    return note("pending", "its condition is true");
  }

  async function firing(progress: Progress): Promise<string> {
    await watch.reached(["firing"], forSeconds * 1_000 + FIRING_MS, progress);
    return note("firing", "Prometheus tells Alertmanager");
  }

  async function delivered(progress: Progress): Promise<string> {
    await watch.delivered("firing", brokenOn, DELIVERED_MS, progress);
    return note("delivered", "the API has logged it");
  }

  async function held({ say, signal }: Progress): Promise<string> {
    const leftMs = Math.max(0, brokenAt + options.holdMs - host.now());
    say(`stays broken for ${seconds(leftMs / 1_000)} more`);
    await host.sleep(leftMs, signal);
    return `broken for ${seconds((host.now() - brokenAt) / 1_000)}`;
  }

  /** One fault should be one page. */
  async function notified(): Promise<Finding> {
    notifications = await receiver().notifications(brokenOn);
    const [first, ...more] = notifications.map((alerts) => alerts.join(", "));
    return {
      text: `${notifications.length} of something firing: ${first ?? "none"}`,
      ...(more.length > 0 && { warn: true, notes: more.map((alerts) => `also: ${alerts}`) }),
    };
  }

  async function resolved(progress: Progress): Promise<string> {
    await watch.reached(["inactive"], RESOLVED_MS, progress);
    await watch.delivered("resolved", brokenOn, RESOLVED_MS, progress);
    return note("resolved", "the API has logged its end");
  }

  async function repair({ say }: Progress): Promise<string> {
    const done = await drill.fault.repair(steady, { say, signal: steady.host.signal });
    isBroken = false;
    return done;
  }

  async function allCompleted(progress: Progress): Promise<string> {
    await load.stop();
    return await load.settled(progress);
  }

  async function repairAfterAll(): Promise<void> {
    const checks: Check[] = [{ name: "repaired", run: repair }];
    const [failure] = failuresOf(await runChecklist(steady.host, steady.view, { name: "repair", checks }));
    if (failure) throw failure;
  }

  function watchAt(prometheus: Prometheus): AlertWatch {
    return createAlertWatch({ host, drill, prometheus, receiver: receiver() });
  }

  function receiver() {
    return createReceiver({ compose: context.compose, mark: fast ? drill.name : undefined });
  }

  function note(stage: keyof AlertTimes, meaning: string): string {
    const after = times[stage] = (host.now() - brokenAt) / 1_000;
    return `after ${seconds(after)}: ${meaning}`;
  }

  return {
    times,
    thoughts: load.tally,
    notifications: () => notifications,
    beforeChecks,
    alertChecks,
    repairChecks,
    close,
  };
}

function refused(what: string, cause: string, next: Step): LaunchFailure {
  return new LaunchFailure("drill", { what: `The drill was refused: ${what}`, cause, next: [next] });
}
