/** What logs, metrics and traces cost: the processor time with and without each. */
import { type AcceptOptions, measureAcceptance } from "./accept.ts";
import { type DrainOptions, measureDrain } from "./drain.ts";
import { startSink } from "./otlp_sink.ts";
import { ANALYSERS, forget, startApi, startWorker, type Variant } from "./programs.ts";
import type { Stores } from "./stores.ts";

export interface CostsOptions {
  readonly load: AcceptOptions;
  readonly queue: DrainOptions;
  /** Called with what comes next. */
  readonly onStep: (step: string) => void;
}

/** By what is switched on or off. */
export interface Costs {
  readonly [variant: string]: { readonly api: Cost; readonly workers: Readonly<Record<string, Cost>> };
}

/**
 * Processor time, and its ratio to that of the unchanged program in the same round: the middle, lowest and
 * highest.
 */
export interface Cost {
  /** Of the middle round, for a thousand thoughts. */
  readonly msPer1000: number;
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
}

/** Every variant has its turn in each round, to spread the machine's other load over all of them. */
const COST_ROUNDS = 5;

export async function measureCosts(
  stores: Stores,
  { load, queue, onStep }: CostsOptions,
): Promise<Costs> {
  await using sink = startSink();
  const variants: Record<string, Variant> = {
    "as it is": { env: {}, sampled: 0 },
    "no logs": { env: { LOG_LEVEL: "ERROR" }, sampled: 0 },
    "no metrics": { env: {}, sampled: 0, withoutMetrics: true },
    "traced, none sampled": { env: sink.env(0), sampled: 0 },
    "traced, 10 % sampled": { env: sink.env(0.1), sampled: 0.1 },
    "traced, all sampled": { env: sink.env(1), sampled: 1 },
  };
  const rounds: Record<string, Record<string, number>>[] = [];
  for (let round = 0; round < COST_ROUNDS; round++) {
    const costs: Record<string, Record<string, number>> = {};
    for (const [name, variant] of Object.entries(variants)) {
      onStep(`costs, round ${round + 1} of ${COST_ROUNDS}: ${name}`);
      const ofVariant: Record<string, number> = {};
      await forget(stores.services!.databaseUrl);
      {
        await using api = await startApi(stores, variant);
        ofVariant.api = (await measureAcceptance(api, load)).cpuMsPer1000;
      }
      for (const analyser of ANALYSERS) {
        await forget(stores.services!.databaseUrl);
        const env = { ...variant.env, ANALYSER: analyser };
        await using worker = await startWorker(stores, { ...variant, env });
        const drain = () => measureDrain([worker], stores.services!, { ...queue, sampled: variant.sampled });
        await drain(); // warms up
        ofVariant[analyser] = (await drain()).cpuMsPer1000;
      }
      costs[name] = ofVariant;
    }
    rounds.push(costs);
  }
  return Object.fromEntries(
    Object.keys(variants).map((name) => [name, {
      api: cost("api", name),
      workers: Object.fromEntries(ANALYSERS.map((analyser) => [analyser, cost(analyser, name)])),
    }]),
  );

  function cost(what: string, name: string): Cost {
    const sorted = (values: readonly number[]) => values.toSorted((one, other) => one - other);
    const ratios = sorted(rounds.map((costs) => costs[name]![what]! / costs["as it is"]![what]!));
    return {
      msPer1000: sorted(rounds.map((costs) => costs[name]![what]!))[COST_ROUNDS >> 1]!,
      ratio: ratios[COST_ROUNDS >> 1]!,
      lowest: ratios[0]!,
      highest: ratios.at(-1)!,
    };
  }
}
