/** The tiles: six numbers of the sampler, each with the threshold that colours it. */
import { type Level as Severity, levelOf, THRESHOLDS } from "../../core/telemetry/thresholds.ts";
import { MOST_WAITING, type Sample } from "./sampler.ts";

/** `none` if no value is bad; `info` if it is worth knowing but needs no action. */
export type Level = Severity | "none" | "info";

export interface Tile {
  readonly key: string;
  readonly title: string;
  /** What the number means and when it is bad, on request. */
  readonly help: string;
  readonly value: (sample: Sample) => string;
  readonly level: (sample: Sample) => Level;
}

const { apiP95, cacheHitRatio, unfinishedThoughts } = THRESHOLDS;
const NOTHING = "–";

export const TILES: readonly Tile[] = [
  {
    key: "accepted",
    title: "Accepted / s",
    help: "Thoughts that this API stored per second.",
    value: ({ accepted }) => perSecond(accepted),
    level: () => "none",
  },
  {
    key: "processed",
    title: "Processed / s",
    help: "Thoughts that all workers finished per second.",
    value: ({ processed }) => perSecond(processed),
    level: () => "none",
  },
  {
    key: "p95",
    title: "Latency, p95",
    help:
      `95 % of the last minute's requests took no longer; listings and streams do not count. Warning above ${apiP95.warn} s, critical above ` +
      `${apiP95.critical} s.`,
    value: ({ p95 }) => duration(p95),
    level: ({ p95 }) => p95 === null ? "none" : levelOf(p95, apiP95),
  },
  {
    key: "cacheHits",
    title: "Cache hits",
    help: `Share of the last minute's analyses that were in the cache. For information below ` +
      `${percent(cacheHitRatio.warn)}.`,
    value: ({ cacheHits }) => cacheHits === null ? NOTHING : percent(cacheHits),
    level: ({ cacheHits }) => {
      if (cacheHits === null) return "none";
      return levelOf(cacheHits, cacheHitRatio) === "ok" ? "ok" : "info";
    },
  },
  {
    key: "waiting",
    title: "Waiting",
    help: `Thoughts not finished. Warning above ${whole(unfinishedThoughts.warn)}, critical above ${
      whole(unfinishedThoughts.critical)
    }.`,
    value: ({ waiting }) => waiting >= MOST_WAITING ? `${whole(MOST_WAITING)}+` : whole(waiting),
    level: ({ waiting }) => levelOf(waiting, unfinishedThoughts),
  },
  {
    key: "workers",
    title: "Workers",
    help: "Workers in the consumer group, and how many there should be. Critical when there is none.",
    value: ({ workers, expectedWorkers }) => `${workers} of ${expectedWorkers}`,
    level: ({ workers, expectedWorkers }) =>
      levelOf(workers, { bad: "below", warn: expectedWorkers, critical: 1 }),
  },
];

function perSecond(value: number | null): string {
  if (value === null) return NOTHING;
  return value >= 10 ? whole(value) : value.toLocaleString("en", { maximumFractionDigits: 1 });
}

function duration(seconds: number | null): string {
  if (seconds === null) return NOTHING;
  const ms = 1_000 * seconds;
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  return `${seconds.toFixed(seconds < 9.95 ? 1 : 0)} s`;
}

function percent(ratio: number): string {
  return `${Math.round(100 * ratio)} %`;
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
