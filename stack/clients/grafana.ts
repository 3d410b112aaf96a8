import * as z from "zod/mini";
import { type Query, STEP_SECONDS } from "../dashboards/model.ts";
import type { Host } from "../host.ts";
import { ask, askJson, Unreachable } from "./http.ts";

const Found = z.array(z.object({ uid: z.string(), title: z.string() }));
const Answers = z.object({
  results: z.record(
    z.string(),
    z.object({
      error: z.optional(z.string()),
      frames: z.optional(
        z.array(z.object({ data: z.optional(z.object({ values: z.array(z.array(z.unknown())) })) })),
      ),
    }),
  ),
});

const Short = z.object({ uid: z.string() });

/** Grafana's HTTP API, as its administrator. */
export class Grafana {
  constructor(private readonly host: Host, private readonly url: string, private readonly login: string) {}

  /** Asks a data source something, through Grafana. @throws {Unreachable} when that does not work */
  async reach(uid: string, path: string): Promise<void> {
    const url = `${this.url}/api/datasources/proxy/uid/${uid}/${path}`;
    const { status, text } = await ask(this.host, url, { login: this.login });
    if (status !== 200) {
      throw new Unreachable(`${uid} through Grafana: ${status} ${text.trim().slice(0, 120)}`, status);
    }
  }

  dashboards(): Promise<{ uid: string; title: string }[]> {
    return askJson(this.host, `${this.url}/api/search?type=dash-db&limit=100`, Found, { login: this.login });
  }

  /** Runs a panel's query as the panel does. @returns the columns of what came, times first */
  async query(query: Query, minutes: number): Promise<unknown[][]> {
    const body = {
      from: `now-${minutes}m`,
      to: "now",
      queries: [{
        refId: query.refId,
        datasource: { uid: query.source },
        expr: query.expr,
        instant: query.instant,
        range: !query.instant,
        queryType: query.instant ? "instant" : "range",
        intervalMs: STEP_SECONDS * 1000,
        maxDataPoints: (minutes * 60) / STEP_SECONDS,
      }],
    };
    const url = `${this.url}/api/ds/query`;
    const { results } = await askJson(this.host, url, Answers, { method: "POST", body, login: this.login });
    const result = results[query.refId];
    if (result?.error) throw new Unreachable(`${query.source} refused "${query.expr}": ${result.error}`);
    return (result?.frames ?? []).flatMap((frame) => frame.data?.values ?? []);
  }

  /** An address for a person that opens one trace in Explore; short, since a terminal has to show it. */
  async traceUrl(traceId: string): Promise<string> {
    const path = explorePath(traceId);
    // Told that it is localhost; with another name its login would not stick.
    const base = this.url.replace("127.0.0.1", "localhost");
    try {
      const request = { method: "POST", body: { path }, login: this.login };
      const { uid } = await askJson(this.host, `${this.url}/api/short-urls`, Short, request);
      return `${base}/goto/${uid}?orgId=1`;
    } catch (error) {
      if (error instanceof Unreachable) return `${base}/${path}`;
      throw error;
    }
  }
}

function explorePath(traceId: string): string {
  const datasource = { type: "tempo", uid: "tempo" };
  const panes = {
    trace: {
      datasource: "tempo",
      queries: [{ refId: "A", datasource, queryType: "traceql", query: traceId }],
      range: { from: "now-1h", to: "now" },
    },
  };
  return `explore?${new URLSearchParams({ schemaVersion: "1", orgId: "1", panes: JSON.stringify(panes) })}`;
}
