/** Prometheus's HTTP API. */
import * as z from "zod";
import { askJson } from "./http.ts";
import type { Host } from "../host.ts";

const Targets = z.object({
  data: z.object({
    activeTargets: z.array(z.object({
      labels: z.record(z.string(), z.string()),
      scrapeUrl: z.string(),
      health: z.string(),
      lastError: z.string(),
      lastScrape: z.string(),
    })),
  }),
});

const Samples = z.object({
  data: z.object({
    result: z.array(z.object({
      value: z.tuple([z.number(), z.string()]).optional(),
      values: z.array(z.tuple([z.number(), z.string()])).optional(),
    })),
  }),
});
const Rules = z.object({
  data: z.object({
    groups: z.array(z.object({
      interval: z.number(),
      rules: z.array(z.object({ name: z.string(), lastError: z.string().default("") })),
    })),
  }),
});
const AlertingRules = z.object({
  data: z.object({
    groups: z.array(z.object({
      rules: z.array(z.object({
        name: z.string(),
        labels: z.record(z.string(), z.string()).default({}),
        duration: z.number(),
        state: z.enum(["inactive", "pending", "firing", "unknown"]),
      })),
    })),
  }),
});
const SeriesFound = z.object({ data: z.array(z.record(z.string(), z.string())) });

export interface Recording {
  /** Evaluated this often. */
  readonly intervalSeconds: number;
  /** Why the last evaluation failed; empty if it succeeded. */
  readonly error: string;
}

export interface AlertingRule {
  readonly name: string;
  readonly severity: string;
  /** Seconds for which it has to be true before it fires. */
  readonly forSeconds: number;
  /** unknown before the first evaluation */
  readonly state: "inactive" | "pending" | "firing" | "unknown";
}

export interface Target {
  readonly job: string;
  readonly url: string;
  /** up, down, or unknown before the first scrape */
  readonly health: string;
  readonly error: string;
  /** When it was scraped last; different after each scrape. */
  readonly scraped: string;
}

export type Prometheus = ReturnType<typeof createPrometheus>;

export function createPrometheus({ host, url }: { readonly host: Host; readonly url: string }) {
  async function targets(): Promise<Target[]> {
    const { data } = await askJson(host, `${url}/api/v1/targets?state=active`, Targets);
    return data.activeTargets.map((target) => ({
      job: target.labels.job ?? "",
      url: target.scrapeUrl,
      health: target.health,
      error: target.lastError,
      scraped: target.lastScrape,
    }));
  }

  /** The values of a query over the last minutes, of all series together. */
  async function range(query: string, minutes: number, stepSeconds: number): Promise<number[]> {
    const end = Date.now() / 1_000;
    const params = { query, start: `${end - minutes * 60}`, end: `${end}`, step: `${stepSeconds}` };
    return await samples("query_range", params);
  }

  async function instant(query: string): Promise<number[]> {
    return await samples("query", { query });
  }

  /** Its recording rules, by the name of what they record. */
  async function recordings(): Promise<Map<string, Recording>> {
    const { data } = await askJson(host, `${url}/api/v1/rules?type=record`, Rules);
    return new Map(
      data.groups.flatMap(({ interval, rules }) =>
        rules.map(({ name, lastError }) => [name, { intervalSeconds: interval, error: lastError }] as const)
      ),
    );
  }

  async function alertingRules(): Promise<AlertingRule[]> {
    const { data } = await askJson(host, `${url}/api/v1/rules?type=alert`, AlertingRules);
    return data.groups.flatMap(({ rules }) =>
      rules.map(({ name, labels, duration, state }) => ({
        name,
        severity: labels.severity ?? "",
        forSeconds: duration,
        state,
      }))
    );
  }

  /** How many series a metric has had within the last hour. */
  async function seriesOf(metric: string): Promise<number> {
    const params = new URLSearchParams({
      "match[]": metric,
      start: `${Date.now() / 1_000 - 3_600}`,
      limit: "10",
    });
    return (await askJson(host, `${url}/api/v1/series?${params}`, SeriesFound)).data.length;
  }

  async function samples(path: string, params: Record<string, string>): Promise<number[]> {
    const address = `${url}/api/v1/${path}?${new URLSearchParams(params)}`;
    const { data } = await askJson(host, address, Samples);
    return data.result.flatMap((r) => r.values ?? (r.value ? [r.value] : [])).map(([, value]) =>
      Number(value)
    );
  }

  return { targets, range, instant, recordings, alertingRules, seriesOf };
}
