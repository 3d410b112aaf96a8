/**
 * After two minutes of mixed traffic every panel of every dashboard has data, read from the same Prometheus,
 * Loki and Tempo that Grafana reads. Needs a running stack (`deno task monitoring`).
 */
import assert from "node:assert/strict";
import { type PlacedQuery, queriesOf, readDashboards } from "../../stack/dashboards/model.ts";
import { localHost } from "../../stack/host.ts";
import { DEFAULT_MIX } from "../../stack/traffic/mix.ts";
import { createTraffic } from "../../stack/traffic/traffic.ts";
import { API, ask, LOKI, PROMETHEUS, stackRuns, TEMPO } from "./stores.ts";

const TRAFFIC_MS = 120_000;
/** Tempo finds a trace by search only after about 30 s, and a rule needs its interval. */
const SETTLE_MS = 90_000;
const RETRY_MS = 5_000;

/** Lines that a healthy young stack leaves empty, as `panel: legend`, and why. */
const QUIET: Readonly<Record<string, string>> = {
  "Database size: in 3 days": "a forecast needs three hours of samples",
  "Errors in the logs: ": "nothing went wrong",
};

const running = await stackRuns("panels with data");

Deno.test({
  name: "every panel has data after two minutes of mixed traffic",
  ignore: !running,
  fn: async () => {
    const { signal } = new AbortController();
    const traffic = createTraffic({ host: localHost(signal), url: API, perSecond: 12, mix: DEFAULT_MIX });
    await traffic.run(TRAFFIC_MS, signal, () => {});
    assert.ok((traffic.tally().responses["2xx"] ?? 0) > 0, "the API accepted nothing");

    const queries = (await readDashboards()).flatMap(queriesOf);
    const end = Date.now() + SETTLE_MS;
    let empty = await withoutData(queries);
    while (Date.now() < end && empty.some((query) => QUIET[nameOf(query)] === undefined)) {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      empty = await withoutData(empty);
    }

    const where = (query: PlacedQuery) => `${query.dashboard.title}: ${nameOf(query)}`;
    const panels = new Set(queries.map(({ dashboard, panel }) => `${dashboard.uid}/${panel.id}`)).size;
    // deno-lint-ignore no-console -- the figure is the point of the test
    console.info(
      `${
        queries.length - empty.length
      } of ${queries.length} queries of ${panels} panels have data; without: ` +
        empty.map((query) => `${where(query)} (${QUIET[nameOf(query)] ?? "?"})`).join(", "),
    );
    assert.deepEqual(empty.filter((query) => QUIET[nameOf(query)] === undefined).map(where), []);
  },
});

async function withoutData(queries: readonly PlacedQuery[]): Promise<PlacedQuery[]> {
  const empty: PlacedQuery[] = [];
  for (const query of queries) if (!await hasData(query)) empty.push(query);
  return empty;
}

async function hasData({ language, expr: query }: PlacedQuery): Promise<boolean> {
  const end = Math.floor(Date.now() / 1000);
  if (language === "logql") {
    const { data } = await ask(`${LOKI}/loki/api/v1/query_range`, {
      query,
      start: `${end - 600}`,
      end: `${end}`,
      limit: "1",
    });
    return data.result.length > 0;
  }
  if (language === "traceql") {
    const { traces = [] } = await ask(`${TEMPO}/api/search`, {
      q: query,
      start: `${end - 600}`,
      end: `${end}`,
      limit: "1",
    });
    return traces.length > 0;
  }
  // The service map is drawn from these series.
  const promql = language === "service map" ? "traces_service_graph_request_total" : query;
  const { data } = await ask(`${PROMETHEUS}/api/v1/query_range`, {
    query: promql,
    start: `${end - 60}`,
    end: `${end}`,
    step: "15",
  });
  return data.result.some((series: { values: [number, string][] }) =>
    series.values.some(([, value]) => value !== "NaN")
  );
}

function nameOf({ panel, legend }: PlacedQuery): string {
  return `${panel.title}: ${legend}`;
}
