/**
 * Readiness: whether this process's dependencies respond, checked at most once a second however many probes
 * come.
 */
import { within } from "./deadline.ts";
import { type Logger, reason } from "./telemetry/log.ts";
import type { Service } from "./telemetry/catalogue.ts";
import type { Metrics } from "./telemetry/metrics.ts";
import { UnavailableError } from "./unavailable.ts";

/** Rejects, or doesn't resolve in time, when the dependency is down. */
export type Check = () => Promise<void>;

export interface DependencyHealth {
  readonly status: "up" | "down";
  readonly latency_ms: number;
  /** Why it is down, in general words; the details are in the log. */
  readonly reason?: string;
}

export interface Health {
  readonly status: "up" | "down";
  readonly dependencies: Readonly<Record<string, DependencyHealth>>;
}

export interface ReadinessOptions {
  readonly log: Logger;
  /** Called with every check's outcome. @default none */
  readonly metrics?: Pick<Metrics<Service>, "app_dependency_up">;
  /** Names of checks that are shown but not required: the process works without them. @default none */
  readonly optional?: readonly string[];
  /** A check that takes longer fails. @default 2_000 */
  readonly timeoutMs?: number;
  /** A result is reused for this long. @default 1_000 */
  readonly maxAgeMs?: number;
  /** @default performance.now */
  readonly now?: () => number;
}

/**
 * Makes the readiness of a process: up when every dependency that it needs is. Probes that come together
 * share one round of checks.
 */
export function createReadiness(
  checks: Readonly<Record<string, Check>>,
  options: ReadinessOptions,
): () => Promise<Health> {
  const { log, metrics, optional = [], timeoutMs = 2_000, maxAgeMs = 1_000, now = () => performance.now() } =
    options;
  let asked = -Infinity;
  let answer: Promise<Health> | undefined;

  async function check(name: string, run: Check): Promise<[string, DependencyHealth]> {
    const started = now();
    const latency = () => Math.round((now() - started) * 10) / 10;
    try {
      await within(timeoutMs, name, run());
      metrics?.app_dependency_up.set({ dependency: name }, 1);
      return [name, { status: "up", latency_ms: latency() }];
    } catch (error) {
      metrics?.app_dependency_up.set({ dependency: name }, 0);
      log.warn("dependency down", { dependency: name, reason: reason(error) });
      const late = latency() >= timeoutMs;
      return [name, {
        status: "down",
        latency_ms: latency(),
        reason: late ? `no response within ${timeoutMs} ms` : whyOf(error),
      }];
    }
  }

  async function checkAll(): Promise<Health> {
    const entries = await Promise.all(Object.entries(checks).map(([name, run]) => check(name, run)));
    const status = entries.every(([name, { status }]) => status === "up" || optional.includes(name))
      ? "up"
      : "down";
    return { status, dependencies: Object.fromEntries(entries) };
  }

  let running = false;
  return () => {
    if (answer === undefined || (!running && now() - asked >= maxAgeMs)) {
      running = true;
      answer = checkAll().finally(() => {
        running = false;
        asked = now();
      });
    }
    return answer;
  };
}

const whyOf = (error: unknown) => error instanceof UnavailableError ? error.why : "not reachable";
