/** Values on the command line. A parser throws InvalidArgumentError, which says what to give instead. */
import { InvalidArgumentError } from "commander";
import { MAX_WORKERS } from "./services.ts";
import { type Mix, parseMix } from "./traffic/mix.ts";

const MAX_RATE = 100;
/** JavaScript's timers overflow after 24 days. */
const MAX_TIMEOUT_MS = 24 * 60 * 60_000;

/** "90s", "3m" or "500ms". @returns milliseconds */
export function duration(text: string): number {
  const [, number, unit = "s"] = /^(\d+)(ms|s|m)?$/.exec(text) ?? [];
  const ms = Number(number) * { ms: 1, s: 1_000, m: 60_000 }[unit as "ms" | "s" | "m"];
  if (ms > 0 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new InvalidArgumentError("Give a duration such as 90s or 3m, at most 1440m.");
}

/** "5/s" or "30/m". @returns requests a second */
export function rate(text: string): number {
  const [, number, unit = "s"] = /^(\d+(?:\.\d+)?)(?:\/(s|m))?$/.exec(text) ?? [];
  const perSecond = Number(number) / (unit === "m" ? 60 : 1);
  if (perSecond > 0 && perSecond <= MAX_RATE) return perSecond;
  throw new InvalidArgumentError(`Give a rate such as 5/s or 30/m, at most ${MAX_RATE}/s.`);
}

export function mix(text: string): Mix {
  try {
    return parseMix(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

export function workers(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new InvalidArgumentError(`Give a number from 1 to ${MAX_WORKERS}: that many ports are published.`);
}

/** @returns it without a slash at its end */
export function address(text: string): string {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    throw new InvalidArgumentError("Give an address such as https://thoughts.example.com.");
  }
  return url.href.replace(/\/$/, "");
}

export function clusterService(text: string): string {
  if (/^(?:[^/:]+\/)?[^/:]+(?::\d+)?$/.test(text)) return text;
  throw new InvalidArgumentError("Give a service such as monitoring/prometheus-operated:9090.");
}

/** Without a path it is /metrics. */
export function metricsUrl(text: string): URL {
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.username !== "" || url.password !== "") {
    throw new InvalidArgumentError("Give an address such as http://localhost:3000/metrics, without a login.");
  }
  if (url.pathname === "/") url.pathname = "/metrics";
  url.hash = "";
  return url;
}

/** A name of files, jobs and labels. */
export function serviceName(text: string): string {
  if (/^[a-z][a-z0-9_-]{0,31}$/.test(text)) return text;
  throw new InvalidArgumentError("Give a name of at most 32 small letters, digits, - and _, a letter first.");
}

/** As Compose takes it. */
export function projectName(text: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,62}$/.test(text)) return text;
  throw new InvalidArgumentError("Give a name of small letters, digits, - and _.");
}
