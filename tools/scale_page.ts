/** The tables in docs/scale.md: sizes computed from measured costs, and waits simulated with a seed. */
import { PARTITIONS } from "../core/queue/queue.ts";
import { table } from "./markdown_table.ts";

/** Processor time of one thought in seconds, of one process of each kind: docs/performance.md, "more than one process". */
const COST_S = { api: 43e-6, worker: 34e-6, localAnalyser: 75e-6, database: 56e-6 };
/** Bytes of PostgreSQL's log for a thought, and of its table and indexes once it is done (bench --only growth). */
const BYTES = { log: 2_780, stored: 1_100 };
/**
 * Bytes of a message in a copy of Kafka's log, and of a cached analysis in Redis: 34,000 short thoughts in the cluster of
 * docs/kubernetes.md.
 */
const COPY = { message: 81, cached: 837 };
/** Kafka keeps messages for KAFKA_LOG_RETENTION_HOURS in Compose, Redis analyses for CACHE_TTL_S. */
const KEPT_S = { message: 7 * 86_400, cached: 86_400 };
/** The highest rate that was sustained from POST to result, on two cores with everything on them. */
const CELL_RATE = 7_813;
/** Planned utilisation of a core, or of a lane. */
const UTILISATION = 0.6;
/** How long a model takes for an analysis: an assumption. */
const MODEL_S = 2;
const RATES = [100, 10_000, 1_000_000];

/** Processes and databases for a rate of thoughts. */
export function scaleSizes(): string {
  const rows = RATES.map((rate) => {
    const cells = Math.ceil(rate / CELL_RATE);
    const perCell = rate / cells;
    const processes = (costS: number) => Math.max(2, Math.ceil((perCell * costS) / UTILISATION));
    const workers = processes(COST_S.worker + COST_S.localAnalyser);
    return [
      count(rate),
      count(cells),
      `${processes(COST_S.api)} (${count(cells * processes(COST_S.api))})`,
      `${workers} (${count(cells * workers)})`,
      count(Math.max(PARTITIONS, 2 * workers)),
      ((perCell * COST_S.database) / UTILISATION).toFixed(2),
      count(Math.ceil((rate * MODEL_S) / UTILISATION)),
    ];
  });
  return table(
    [
      "thoughts/s",
      "cells",
      "API",
      "workers",
      "partitions in a cell",
      "cores of a PostgreSQL",
      "model's lanes",
    ],
    rows,
  );
}

/** What a PostgreSQL of so many cores carries, if nothing else bounds it. */
export function scalePostgres(): string {
  const rows = [1, 2, 4, 8].map((cores) => {
    const rate = (cores * UTILISATION) / COST_S.database;
    return [
      count(cores),
      count(Math.round(rate / 100) * 100),
      `${count(Math.round((rate * BYTES.log) / 1e6))} MB/s`,
      `${count(Math.round((rate * BYTES.stored * 86_400) / 1e9))} GB`,
    ];
  });
  return table(["cores of PostgreSQL", "thoughts/s", "its log", "stored in a day"], rows);
}

/** What a cell's Kafka and Redis hold, if no thought repeats another. */
export function scaleQueueAndCache(): string {
  const rows = RATES.map((rate) => {
    const perCell = rate / Math.ceil(rate / CELL_RATE);
    const gigabytes = (bytes: number, keptS: number) => count(Math.ceil((perCell * bytes * keptS) / 1e9));
    return [
      count(rate),
      `${((perCell * COPY.message) / 1e6).toFixed(2)} MB/s`,
      `${gigabytes(COPY.message, KEPT_S.message)} GB`,
      `${gigabytes(COPY.cached, KEPT_S.cached)} GB`,
    ];
  });
  return table(["thoughts/s", "a copy of Kafka's log", "in seven days", "Redis, analyses of a day"], rows);
}

/** Waits for a lane against utilisation, and those of a small user beside a large one. */
export function scaleWaits(): string {
  const rows = [0.3, 0.6, 0.8, 0.9, 0.95].map((utilisation) => {
    return [
      `${Math.round(utilisation * 100)} %`,
      seconds(erlangC(LANES, utilisation) * MODEL_S / (LANES * (1 - utilisation))),
      seconds(meanWaitS(utilisation)),
      seconds(smallUserP95S(utilisation, false)),
      seconds(smallUserP95S(utilisation, true)),
    ];
  });
  return table(
    [
      "utilisation",
      "mean wait, formula",
      "mean wait, simulated",
      "small user, p95, in order",
      "small user, p95, fair",
    ],
    rows,
  );
}

/** Three workers with the default ANALYSER_CONCURRENCY. */
const LANES = 24;
const ARRIVALS = 40_000;
/** One user sends 90 of every hundred thoughts, in bursts of 100. */
const LARGE_SHARE = 0.9;
const BURST = 100;

interface Waiting {
  readonly arrivedS: number;
  readonly small: boolean;
  readonly start: number;
}

/** Mean wait if every thought arrives alone, as in the formula. */
function meanWaitS(utilisation: number): number {
  const exponential = exponentials();
  const gapS = MODEL_S / (LANES * utilisation);
  let clock = 0;
  const arrivals = Array.from({ length: ARRIVALS }, () => ({ atS: clock += exponential(gapS), small: true }));
  const waits = serve(arrivals, false, exponential).map(({ waitS }) => waitS);
  return waits.reduce((sum, waitS) => sum + waitS, 0) / waits.length;
}

/** The wait that 5 % of the small user's thoughts exceed, beside the large user's bursts. */
function smallUserP95S(utilisation: number, fair: boolean): number {
  const exponential = exponentials();
  const gapS = MODEL_S / (LANES * utilisation);
  const arrivals: { atS: number; small: boolean }[] = [];
  for (let clock = 0, n = 0; n < ARRIVALS * (1 - LARGE_SHARE); n++) {
    arrivals.push({ atS: clock += exponential(gapS / (1 - LARGE_SHARE)), small: true });
  }
  for (let clock = 0, n = 0; n < ARRIVALS * LARGE_SHARE; n += BURST) {
    clock += exponential(BURST * gapS / LARGE_SHARE);
    for (let i = 0; i < BURST; i++) arrivals.push({ atS: clock, small: false });
  }
  arrivals.sort((a, b) => a.atS - b.atS);
  const waits = serve(arrivals, fair, exponential).filter(({ small }) => small).map(({ waitS }) => waitS);
  return waits.sort((a, b) => a - b)[Math.floor(waits.length * 0.95)]!;
}

/**
 * Lanes with exponential service; `fair` serves by start tags, as decision 61 ranks, else in order of
 * arrival.
 */
function serve(
  arrivals: readonly { atS: number; small: boolean }[],
  fair: boolean,
  exponential: (meanS: number) => number,
): { waitS: number; small: boolean }[] {
  const lanes = new Float64Array(LANES); // when each is free
  const queues: Record<"small" | "large", Waiting[]> = { small: [], large: [] };
  const finish = { small: 0, large: 0 };
  let virtual = 0;
  let next = 0;
  const served: { waitS: number; small: boolean }[] = [];
  const admit = (untilS: number) => {
    for (; next < arrivals.length && arrivals[next]!.atS <= untilS; next++) {
      const { atS, small } = arrivals[next]!;
      const user = small ? "small" : "large";
      const start = fair ? Math.max(virtual, finish[user]) : next;
      finish[user] = start + 1;
      queues[user].push({ arrivedS: atS, small, start });
    }
  };
  const heads = { small: 0, large: 0 };
  while (served.length < arrivals.length) {
    let lane = 0;
    for (let i = 1; i < LANES; i++) if (lanes[i]! < lanes[lane]!) lane = i;
    let nowS = lanes[lane]!;
    admit(nowS);
    let [small, large] = [queues.small[heads.small], queues.large[heads.large]];
    if (small === undefined && large === undefined) {
      nowS = arrivals[next]!.atS;
      admit(nowS);
      [small, large] = [queues.small[heads.small], queues.large[heads.large]];
    }
    const first = large === undefined || (small !== undefined && small.start <= large.start) ? small! : large;
    heads[first.small ? "small" : "large"]++;
    virtual = first.start;
    lanes[lane] = nowS + exponential(MODEL_S);
    served.push({ waitS: nowS - first.arrivedS, small: first.small });
  }
  return served;
}

/** Probability that an arrival has to wait, of M/M/c. */
function erlangC(lanes: number, utilisation: number): number {
  const load = lanes * utilisation;
  let blocked = 1; // Erlang B, by its recursion
  for (let n = 1; n <= lanes; n++) blocked = (load * blocked) / (n + load * blocked);
  return blocked / (1 - utilisation * (1 - blocked));
}

/** Exponential times by their mean, from a seed, which makes the page reproducible. */
function exponentials(): (meanS: number) => number {
  const random = mulberry32(20_261_128);
  return (meanS) => -meanS * Math.log(1 - random());
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const seconds = (value: number) => value < 0.005 ? "0 s" : `${value.toFixed(2)} s`;
const count = (value: number) => value.toLocaleString("en-US");
