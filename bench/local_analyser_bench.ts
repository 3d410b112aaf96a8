/** What the local analyser costs a thought: `deno bench -A bench/local_analyser_bench.ts`, over 96 everyday thoughts. */
import table from "../tests/support/everyday_thoughts.json" with { type: "json" };
import { createLocalAnalyser } from "../worker/analysers/local.ts";

const texts = table.filter(({ held_out }) => !held_out).map(({ text }) => text);
const analyser = createLocalAnalyser();
const signal = new AbortController().signal;

Deno.bench(`${texts.length} thoughts`, () => {
  for (const text of texts) void analyser.analyse({ text, context: null }, signal);
});
