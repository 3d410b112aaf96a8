/** Grafana's HTTP API, as its administrator. */
import * as z from "zod";
import { type Query, STEP_SECONDS } from "../dashboards/model.ts";
import type { Host } from "../host.ts";
import { ask, askJson, Unreachable } from "./http.ts";

const Found = z.array(z.object({ uid: z.string(), title: z.string() }));
const Answers = z.object({
  results: z.record(
    z.string(),
    z.object({
      error: z.string().optional(),
      frames: z.array(z.object({ data: z.object({ values: z.array(z.array(z.unknown())) }).optional() }))
        .optional(),
    }),
  ),
});

const Short = z.object({ uid: z.string() });

export type Grafana = ReturnType<typeof createGrafana>;

/** @param login `user:password` */
export function createGrafana(
  { host, url, login }: { readonly host: Host; readonly url: string; readonly login: string },
) {
  /** Queries a data source through Grafana. @throws {Unreachable} when its status is not 200 */
  async function reach(uid: string, path: string): Promise<void> {
    const proxy = `${url}/api/datasources/proxy/uid/${uid}/${path}`;
    const { status, text } = await ask(host, proxy, { login });
    if (status !== 200) {
      throw new Unreachable(`${uid} through Grafana: ${status} ${text.trim().slice(0, 120)}`, status);
    }
  }

  function dashboards(): Promise<{ uid: string; title: string }[]> {
    return askJson(host, `${url}/api/search?type=dash-db&limit=100`, Found, { login });
  }

  /** Runs a panel's query as the panel does. @returns the columns of its frames, times first */
  async function run(query: Query, minutes: number): Promise<unknown[][]> {
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
        intervalMs: STEP_SECONDS * 1_000,
        maxDataPoints: (minutes * 60) / STEP_SECONDS,
      }],
    };
    const request = { method: "POST", body, login };
    const { results } = await askJson(host, `${url}/api/ds/query`, Answers, request);
    const result = results[query.refId];
    if (result?.error) throw new Unreachable(`${query.source} refused "${query.expr}": ${result.error}`);
    return (result?.frames ?? []).flatMap((frame) => frame.data?.values ?? []);
  }

  /** An address that opens one trace in Explore, short enough for a terminal. */
  async function traceUrl(traceId: string): Promise<string> {
    const path = explorePath(traceId);
    // Grafana is configured as localhost; with another name its login cookie would not stick.
    const base = url.replace("127.0.0.1", "localhost");
    try {
      const request = { method: "POST", body: { path }, login };
      const { uid } = await askJson(host, `${url}/api/short-urls`, Short, request);
      return `${base}/goto/${uid}?orgId=1`;
    } catch (error) {
      if (error instanceof Unreachable) return `${base}/${path}`;
      throw error;
    }
  }

  return { reach, dashboards, run, traceUrl };
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
