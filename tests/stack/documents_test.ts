/** Every query in our documents runs on the stores of a running stack (`deno task monitoring`). */
import assert from "node:assert/strict";
import { documentQueries, type DocumentQuery } from "../contracts/documents.ts";
import { ask, LOKI, PROMETHEUS, stackRuns, TEMPO } from "./stores.ts";

const running = await stackRuns("queries of the documents");

const STORES = {
  promql: (query: string) => ask(`${PROMETHEUS}/api/v1/query`, { query }),
  logql: (query: string) => {
    const end = Math.floor(Date.now() / 1_000);
    return ask(`${LOKI}/loki/api/v1/query_range`, { query, start: `${end - 600}`, end: `${end}` });
  },
  traceql: (query: string) => ask(`${TEMPO}/api/search`, { q: query }),
} as const;

for (const [language, run] of Object.entries(STORES)) {
  Deno.test({
    name: `the documents' ${language} queries run`,
    ignore: !running,
    async fn() {
      const queries: DocumentQuery[] = await documentQueries(language as keyof typeof STORES);
      assert.ok(queries.length >= 4, `only ${queries.length} found`);
      for (const { query } of queries) await run(query);
    },
  });
}
