import * as z from "zod/mini";
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
      value: z.optional(z.tuple([z.number(), z.string()])),
      values: z.optional(z.array(z.tuple([z.number(), z.string()]))),
    })),
  }),
});
const Rules = z.object({
  data: z.object({
    groups: z.array(z.object({
      interval: z.number(),
      rules: z.array(z.object({ name: z.string(), lastError: z._default(z.string(), "") })),
    })),
  }),
});
const AlertingRules = z.object({
  data: z.object({
    groups: z.array(z.object({
      rules: z.array(z.object({
        name: z.string(),
        labels: z._default(z.record(z.string(), z.string()), {}),
        duration: z.number(),
        state: z.enum(["inactive", "pending", "firing", "unknown"]),
      })),
    })),
  }),
});
const SeriesFound = z.object({ data: z.array(z.record(z.string(), z.string())) });

export interface Recording {
  /** Evaluated this often. */
  intervalSeconds: number;
  /** Why the last evaluation failed; empty when it did not. */
  error: string;
}

export interface AlertingRule {
  name: string;
  severity: string;
  /** Seconds for which it has to be true before it fires. */
  forSeconds: number;
  /** unknown before the first evaluation */
  state: "inactive" | "pending" | "firing" | "unknown";
}

export interface Target {
  job: string;
  url: string;
  /** up, down, or unknown before the first scrape */
  health: string;
  error: string;
  /** When it was scraped last; another text after each scrape. */
  scraped: string;
}

/** Prometheus's HTTP API. */
export class Prometheus {
  constructor(private readonly host: Host, private readonly url: string) {}

  async targets(): Promise<Target[]> {
    const { data } = await askJson(this.host, `${this.url}/api/v1/targets?state=active`, Targets);
    return data.activeTargets.map((target) => ({
      job: target.labels.job ?? "",
      url: target.scrapeUrl,
      health: target.health,
      error: target.lastError,
      scraped: target.lastScrape,
    }));
  }

  /** The values of a query over the last minutes, every series' together. */
  async range(query: string, minutes: number, stepSeconds: number): Promise<number[]> {
    const end = Date.now() / 1000;
    const params = { query, start: `${end - minutes * 60}`, end: `${end}`, step: `${stepSeconds}` };
    return await this.#samples("query_range", params);
  }

  async instant(query: string): Promise<number[]> {
    return await this.#samples("query", { query });
  }

  /** Its recording rules, by the name of what they record. */
  async recordings(): Promise<Map<string, Recording>> {
    const { data } = await askJson(this.host, `${this.url}/api/v1/rules?type=record`, Rules);
    return new Map(
      data.groups.flatMap(({ interval, rules }) =>
        rules.map(({ name, lastError }) => [name, { intervalSeconds: interval, error: lastError }] as const)
      ),
    );
  }

  async alertingRules(): Promise<AlertingRule[]> {
    const { data } = await askJson(this.host, `${this.url}/api/v1/rules?type=alert`, AlertingRules);
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
  async seriesOf(metric: string): Promise<number> {
    const params = new URLSearchParams({
      "match[]": metric,
      start: `${Date.now() / 1000 - 3600}`,
      limit: "10",
    });
    return (await askJson(this.host, `${this.url}/api/v1/series?${params}`, SeriesFound)).data.length;
  }

  async #samples(path: string, params: Record<string, string>): Promise<number[]> {
    const url = `${this.url}/api/v1/${path}?${new URLSearchParams(params)}`;
    const { data } = await askJson(this.host, url, Samples);
    return data.result.flatMap((r) => r.values ?? (r.value ? [r.value] : [])).map(([, value]) =>
      Number(value)
    );
  }
}
