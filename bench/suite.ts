/** Everything that is measured, in order. */
import { type Acceptance, type AcceptOptions, measureAcceptance } from "./accept.ts";
import { type Costs, measureCosts } from "./costs.ts";
import { type Drain, type DrainOptions, measureDrain } from "./drain.ts";
import { type Embedded, measureEmbedded } from "./embedded.ts";
import { type EndToEnd, measureEndToEnd } from "./end_to_end.ts";
import { type Idle, measureIdle } from "./idle.ts";
import { makeSeries, measureScrapes, type Scrapes } from "./scrape.ts";
import { measureModel, type ModelRun } from "./model.ts";
import { type Growth, measureGrowth, type Size } from "./growth.ts";
import { measureScaling, type Scaling } from "./scaling.ts";
import { measureSoak, type Soak } from "./soak.ts";
import { measurePeers, type Peers } from "./peers.ts";
import { measureProfile, type Profile } from "./profile.ts";
import { type Carried, measurePgbench } from "./pgbench.ts";
import { openStores, type Stores } from "./stores.ts";
import { type MeasuredProcess, startAll } from "./measured_process.ts";
import { ANALYSERS, forget, startApi, startWorker, type Variant } from "./programs.ts";

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
  costs?: Costs;
}

const WARM_UP_S = 3;
/** Worker processes before the simulated model. */
const MODEL_WORKERS = [1, 3] as const;
const MODEL_SEED = 14;
/** One round warms the worker up; of the others the middle one counts. */
const DRAIN_ROUNDS = 3;
const REPEATS = 0.3;
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
  if (parts.includes("costs")) results.costs = await measureCosts(stores, { load, queue, onStep });
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
