import * as z from "zod/mini";
import type { Host } from "../host.ts";
import { askJson } from "./http.ts";

const Result = z.object({
  data: z.object({
    result: z.array(z.object({
      stream: z.optional(z.record(z.string(), z.string())),
      values: z.array(z.tuple([z.unknown(), z.string()], z.unknown())),
    })),
  }),
});

/** Loki's HTTP API. */
export class Loki {
  constructor(private readonly host: Host, private readonly url: string) {}

  /** How many lines each service has that a LogQL query finds since then. */
  async lines(query: string, sinceNs: string): Promise<Map<string, number>> {
    const lines = new Map<string, number>();
    for (const { stream, values } of await this.#range({ query, start: sinceNs, limit: "100" })) {
      const service = stream?.service ?? "?";
      lines.set(service, (lines.get(service) ?? 0) + values.length);
    }
    return lines;
  }

  /** The values (or lines) of a query over the last minutes, every series' together. */
  async range(query: string, minutes: number, stepSeconds: number): Promise<string[]> {
    const start = `${(Date.now() - minutes * 60_000) * 1_000_000}`;
    const result = await this.#range({ query, start, step: `${stepSeconds}`, limit: "10" });
    return result.flatMap(({ values }) => values.map(([, value]) => value));
  }

  async #range(params: Record<string, string>) {
    const url = `${this.url}/loki/api/v1/query_range?${new URLSearchParams(params)}`;
    return (await askJson(this.host, url, Result)).data.result;
  }
}
