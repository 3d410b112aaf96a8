/** Loki's HTTP API. */
import * as z from "zod";
import type { Host } from "../host.ts";
import { askJson } from "./http.ts";

const Result = z.object({
  data: z.object({
    result: z.array(z.object({
      stream: z.record(z.string(), z.string()).optional(),
      values: z.array(z.tuple([z.unknown(), z.string()], z.unknown())),
    })),
  }),
});

export type Loki = ReturnType<typeof createLoki>;

export function createLoki({ host, url }: { readonly host: Host; readonly url: string }) {
  /** How many lines a LogQL query finds for each service since then. */
  async function lines(query: string, sinceNs: string): Promise<Map<string, number>> {
    const lines = new Map<string, number>();
    for (const { stream, values } of await queryRange({ query, start: sinceNs, limit: "100" })) {
      const service = stream?.service ?? "?";
      lines.set(service, (lines.get(service) ?? 0) + values.length);
    }
    return lines;
  }

  /** The values (or lines) of a query over the last minutes, of all series together. */
  async function range(query: string, minutes: number, stepSeconds: number): Promise<string[]> {
    const start = `${(Date.now() - minutes * 60_000) * 1_000_000}`;
    const result = await queryRange({ query, start, step: `${stepSeconds}`, limit: "10" });
    return result.flatMap(({ values }) => values.map(([, value]) => value));
  }

  async function queryRange(params: Record<string, string>) {
    const address = `${url}/loki/api/v1/query_range?${new URLSearchParams(params)}`;
    return (await askJson(host, address, Result)).data.result;
  }

  return { lines, range };
}
