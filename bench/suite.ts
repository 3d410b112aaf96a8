/** Everything that is measured, in order. */
import postgres from "postgres";
import manifest from "../deno.json" with { type: "json" };
import { type Acceptance, type AcceptOptions, measureAcceptance } from "./accept.ts";
import { type Drain, type DrainOptions, measureDrain } from "./drain.ts";
import { type Embedded, measureEmbedded } from "./embedded.ts";
import { type EndToEnd, measureEndToEnd } from "./end_to_end.ts";
import { type Idle, measureIdle } from "./idle.ts";
import { makeSeries, measureScrapes, type Scrapes } from "./scrape.ts";
import { measureModel, type ModelRun } from "./model.ts";
import { type Growth, measureGrowth, type Size } from "./growth.ts";
import { measureScaling, type Scaling } from "./scaling.ts";
import { measureSoak, type Soak } from "./soak.ts";
import { startSink } from "./otlp_sink.ts";
import { measurePeers, type Peers } from "./peers.ts";
import { measureProfile, type Profile } from "./profile.ts";
import { type Carried, measurePgbench } from "./pgbench.ts";
import { openStores, type Stores } from "./stores.ts";
import { type MeasuredProcess, startAll, startMeasuredProcess } from "./measured_process.ts";

export const PARTS = [
  "api",
  "worker",
  "model",
  "scrape",
  "idle",
  "end-to-end",
  "scaling",
  "costs",
  "profile",
  "pgbench",
  "peers",
  "soak",
  "growth",
] as const;
/** Left out unless they are named: they install other programs, take long, or much disk. */
export const OPTIONAL_PARTS: readonly Part[] = ["profile", "pgbench", "peers", "soak", "growth"];
export type Part = (typeof PARTS)[number];

export interface SuiteOptions {
  readonly parts: readonly Part[];
  /** How long the API is under load, each time. */
  readonly seconds: number;
  readonly connections: number;
  /** How many are queued for the worker. */
  readonly thoughts: number;
  /** How long a soak takes, in minutes. */
  readonly minutes: number;
  /** The folder for pictures of profiles. */
  readonly pictures: string;
  /** The larger of the two databases whose operations are compared. */
  readonly growth: Size;
  /** Called with what comes next. */
  readonly onStep?: (step: string) => void;
}

export interface Results {
  readonly stores: string;
  embedded?: Embedded;
  api?: Acceptance;
  apiIdempotent?: Acceptance;
  /** With each analyser of {@link ANALYSERS}. */
  workers?: Readonly<Record<string, { readonly fromKafka: Drain; readonly fromOutbox: Drain }>>;
  endToEnd?: {
    readonly workers: number;
    readonly rates: readonly EndToEnd[];
    /** The highest rate tried whose backlog did not grow. */
    readonly sustainedPerSecond: number;
  };
  scaling?: Scaling;
  soak?: Soak;
  /** By name, ours among them. */
  peers?: Peers;
  growth?: Growth;
  profiles?: { readonly api: Profile; readonly worker: Profile };
  /** The PostgreSQL by itself. */
  pgbench?: readonly Carried[];
  /** Before a simulated language model, with each number of {@link MODEL_WORKERS}. */
  models?: readonly ModelRun[];
  scrape?: Scrapes;
  scrapeIdle?: Scrapes;
  /** Without anything to do: an API, and the worker that took most of {@link WORKERS}. */
  idle?: { readonly api: Idle; readonly worker: Idle };
  /** By what is switched on or off. */
  costs?: {
    readonly [variant: string]: { readonly api: Cost; readonly workers: Readonly<Record<string, Cost>> };
  };
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

/** A variant's program and environment. */
interface Variant {
  readonly env: Readonly<Record<string, string>>;
  readonly sampled: number;
  readonly withoutMetrics?: true;
  /** More of `deno run`'s. @default none */
  readonly flags?: readonly string[];
}

const WARM_UP_S = 3;
/** `none` returns a constant, to measure the pipeline alone. */
const ANALYSERS = ["none", "local"] as const;
/** Worker processes before the simulated model. */
const MODEL_WORKERS = [1, 3] as const;
const MODEL_SEED = 14;
/** One round warms the worker up; of the others the middle one counts. */
const DRAIN_ROUNDS = 3;
const REPEATS = 0.3;
/** Every variant has its turn in each round, to spread the machine's other load over all of them. */
const COST_ROUNDS = 5;
/** Thoughts per second of which the whole way is measured. */
const RATES = [10, 100, 1_000, 4_000];
/** Rates are raised by this factor from the last of them until a backlog grows. */
const STEP = 1.25;
/** As Compose starts them. */
const WORKERS = 3;
/** Thoughts per second of a soak: enough to fill a young generation every few seconds. */
const SOAK_RATE = 200;
/** How long an API without load is scraped. */
const IDLE_MS = 3_000;

export async function runSuite(options: SuiteOptions): Promise<Results> {
  const { parts, seconds, connections, thoughts, onStep = () => {} } = options;
  await using stores = await openStores();
  const results: Results = { stores: stores.description };
  const load: AcceptOptions = { seconds, warmUpS: WARM_UP_S, connections };
  const queue: DrainOptions = { thoughts, repeats: REPEATS, from: "kafka" };
  const { services } = stores;
  if (services === undefined) {
    onStep("API and worker in one process");
    return { ...results, embedded: await measureEmbedded(stores, load) };
  }

  if (parts.includes("api")) {
    onStep("API");
    await using api = await startApi(stores);
    results.api = await measureAcceptance(api, load);
    onStep("API, each request with an Idempotency-Key");
    results.apiIdempotent = await measureAcceptance(api, { ...load, idempotent: true });
  }
  if (parts.includes("scrape")) {
    onStep("scrapes of the API under load");
    await using api = await startApi(stores);
    await makeSeries(api);
    results.scrapeIdle = await measureScrapes(api, new Promise((resolve) => setTimeout(resolve, IDLE_MS)));
    const loaded = measureAcceptance(api, load);
    results.scrape = await measureScrapes(api, loaded);
    await loaded;
  }
  if (parts.includes("idle")) {
    onStep(`an API and ${WORKERS} workers without anything to do, more than a minute`);
    await forget(services.databaseUrl);
    await using api = await startApi(stores);
    await using workers = await startWorkers(stores, { env: {}, sampled: 0 });
    const [ofApi, ...ofWorkers] = await measureIdle([api, ...workers.all]);
    const [most] = ofWorkers.toSorted((one, other) => other.cpu - one.cpu);
    results.idle = { api: ofApi!, worker: most! };
  }
  if (parts.includes("worker")) {
    const workers: Record<string, { readonly fromKafka: Drain; readonly fromOutbox: Drain }> = {};
    for (const analyser of ANALYSERS) {
      await forget(services.databaseUrl);
      await using worker = await startWorker(stores, { env: { ANALYSER: analyser }, sampled: 0 });
      onStep(`worker, analyser ${analyser}`);
      const fromKafka = await drainRepeatedly(worker, services, queue);
      onStep(`worker and its relay, analyser ${analyser}`);
      workers[analyser] = {
        fromKafka,
        fromOutbox: await drainRepeatedly(worker, services, { ...queue, from: "outbox" }),
      };
    }
    results.workers = workers;
  }
  if (parts.includes("end-to-end")) {
    results.endToEnd = await measureWholeWay(stores, { seconds, onStep });
  }
  if (parts.includes("model")) {
    const models: ModelRun[] = [];
    for (const workers of MODEL_WORKERS) {
      onStep(`a slow model before ${workers} worker${workers === 1 ? "" : "s"}, about two minutes`);
      await forget(services.databaseUrl);
      models.push(
        await measureModel(services, {
          workers,
          seed: MODEL_SEED,
          startApi: (env) => startApi(stores, { env, sampled: 0 }),
          startWorker: (env) => startWorker(stores, { env, sampled: 0 }),
        }),
      );
    }
    results.models = models;
  }
  if (parts.includes("scaling")) {
    results.scaling = await measureScaling(services, {
      ...load,
      thoughts,
      startApi: () => startApi(stores),
      startWorker: () => startWorker(stores, { env: { ANALYSER: "none" }, sampled: 0 }),
      forget: () => forget(services.databaseUrl),
      onStep,
    });
  }
  if (parts.includes("soak")) {
    onStep(`soak, ${options.minutes} minutes`);
    await forget(services.databaseUrl);
    await using api = await startApi(stores);
    await using worker = await startWorker(stores, { env: {}, sampled: 0 });
    results.soak = await measureSoak(api, worker, services.databaseUrl, {
      minutes: options.minutes,
      perSecond: SOAK_RATE,
    });
  }
  if (parts.includes("profile")) {
    const picture = (of: string) => `${options.pictures}/profile-${of}`;
    onStep("profile of an API");
    await forget(services.databaseUrl);
    const api = await measureProfile({
      title: `An API that accepts thoughts over ${connections} connections`,
      path: picture("api"),
      start: (flags) => startApi(stores, { env: {}, sampled: 0, flags }),
      load: (process) => measureAcceptance(process, load),
    });
    onStep("profile of a worker");
    await forget(services.databaseUrl);
    const worker = await measureProfile({
      title: "A worker with the analyser none, relay included",
      path: picture("worker"),
      start: (flags) => startWorker(stores, { env: { ANALYSER: "none" }, sampled: 0, flags }),
      load: (process) => drainRepeatedly(process, services, { ...queue, from: "outbox" }),
    });
    results.profiles = { api, worker };
  }
  if (parts.includes("pgbench")) {
    results.pgbench = await measurePgbench(services.databaseUrl, { seconds, onStep });
  }
  if (parts.includes("peers")) {
    results.peers = await measurePeers(services, {
      ...load,
      startApi: (DATABASE_URL) => startApi(stores, { env: { DATABASE_URL }, sampled: 0 }),
      startWorker: (DATABASE_URL) =>
        startWorker(stores, { env: { DATABASE_URL, ANALYSER: "none" }, sampled: 0 }),
      onStep,
    });
  }
  if (parts.includes("growth")) {
    results.growth = await measureGrowth(services.databaseUrl, { large: options.growth, onStep });
  }
  if (parts.includes("costs")) results.costs = await measureCosts(stores, options, load, queue);
  return results;
}

async function measureWholeWay(
  stores: Stores,
  { seconds, onStep }: { readonly seconds: number; readonly onStep: (step: string) => void },
): Promise<NonNullable<Results["endToEnd"]>> {
  const { databaseUrl } = stores.services!;
  await forget(databaseUrl);
  await using api = await startApi(stores);
  await using _workers = await startWorkers(stores, { env: { ANALYSER: "none" }, sampled: 0 });
  await measureEndToEnd(api, databaseUrl, { perSecond: RATES.at(-1)!, seconds: WARM_UP_S });
  const rates: EndToEnd[] = [];
  for (const perSecond of RATES) {
    onStep(`end to end at ${perSecond} thoughts/s`);
    await forget(databaseUrl);
    const { sustained: _, ...measured } = await measureEndToEnd(api, databaseUrl, { perSecond, seconds });
    rates.push(measured);
  }
  let sustainedPerSecond = 0;
  for (let perSecond = RATES.at(-1)!;; perSecond = Math.round(perSecond * STEP)) {
    onStep(`backlog at ${perSecond} thoughts/s`);
    await forget(databaseUrl);
    if (!(await measureEndToEnd(api, databaseUrl, { perSecond, seconds })).sustained) break;
    sustainedPerSecond = perSecond;
  }
  return { workers: WORKERS, rates, sustainedPerSecond };
}

function startWorkers(stores: Stores, variant: Variant) {
  return startAll(WORKERS, () => startWorker(stores, variant));
}

async function measureCosts(
  stores: Stores,
  { onStep = () => {} }: SuiteOptions,
  load: AcceptOptions,
  queue: DrainOptions,
): Promise<NonNullable<Results["costs"]>> {
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

async function drainRepeatedly(
  worker: MeasuredProcess,
  services: NonNullable<Stores["services"]>,
  options: DrainOptions,
) {
  await measureDrain([worker], services, options);
  const rounds: Drain[] = [];
  for (let round = 0; round < DRAIN_ROUNDS; round++) {
    rounds.push(await measureDrain([worker], services, options));
  }
  rounds.sort((a, b) => a.perSecond - b.perSecond);
  return rounds[Math.floor(DRAIN_ROUNDS / 2)]!;
}

function startApi(stores: Stores, variant?: Variant): Promise<MeasuredProcess> {
  return start("api", "API_PORT", stores, variant);
}

function startWorker(stores: Stores, variant?: Variant): Promise<MeasuredProcess> {
  return start("worker", "WORKER_PORT", stores, variant);
}

/** Starts a program as its task does, flags included. */
function start(
  task: "api" | "worker",
  portVariable: "API_PORT" | "WORKER_PORT",
  stores: Stores,
  variant?: Variant,
): Promise<MeasuredProcess> {
  // The stores are on this machine, which the permission set allows; what the task's shell would compute is
  // omitted.
  const args = manifest.tasks[task].command.replaceAll(/"[^"]*\$\([^"]*"/g, "").split(" ").filter(Boolean)
    .slice(2);
  args.splice(-1, 0, ...variant?.flags ?? []);
  if (variant?.withoutMetrics) args.splice(-1, 0, "-A", "bench/without_metrics.ts");
  return startMeasuredProcess({ portVariable, args, env: { ...stores.env, ...variant?.env } });
}

/** Empties the database: a worker then starts without the thoughts that the API accepted. */
async function forget(databaseUrl: string): Promise<void> {
  const sql = postgres(databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  await sql.unsafe(`do $$ begin
    if to_regclass('thoughts') is not null then truncate thoughts, outbox, dead_letters; end if;
  end $$`);
  await sql.end();
}
