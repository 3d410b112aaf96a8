/** The pipeline with a slow, failing model: lanes in use, throughput against the ideal, and users' waits. */
import { openKafka } from "../core/queue/kafka.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { waitFor } from "../tests/support/wait.ts";
import type { MeasuredProcess } from "./measured_process.ts";
import { startSimulatedModel, textOf } from "./simulated_model.ts";
import type { Stores } from "./stores.ts";

export interface ModelRun {
  readonly workers: number;
  readonly lanes: number;
  readonly thoughts: number;
  /** Of these, the ones of the user who posts hundreds. */
  readonly greedy: number;
  /** Lane time used, of the lane time for which there was work, outside the outage: 0 to 1. */
  readonly lanesBusy: number;
  readonly perSecond: number;
  /** If the lanes had never been idle except during the outage. */
  readonly idealPerSecond: number;
  /**
   * From a thought's 201 to its first call: of the user who posts hundreds, and of those who post one each.
   */
  readonly waits: Readonly<Record<"greedy" | "others", Wait>>;
  readonly calls: number;
  readonly errors: number;
  readonly paidTwice: number;
  /** Thoughts that ended `failed`. */
  readonly failed: number;
  /** Messages in Kafka above one for each thought and each release after an error. */
  readonly sentAgain: number;
  readonly outageS: number;
  /** From the endpoint's return to the first result. */
  readonly resumedAfterS: number;
}

export interface Wait {
  readonly p50S: number;
  readonly p95S: number;
  /**
   * First calls of other thoughts meanwhile, 95th percentile: unlike seconds, it does not depend on what
   * these take.
   */
  readonly p95Ahead: number;
}

export interface ModelRunOptions {
  readonly workers: number;
  readonly seed: number;
  readonly startApi: (env: Readonly<Record<string, string>>) => Promise<MeasuredProcess>;
  readonly startWorker: (env: Readonly<Record<string, string>>) => Promise<MeasuredProcess>;
}

/** What one user posts at once, for each worker. */
const GREEDY = 400;
/** Users who post one thought each meanwhile. */
const OTHERS = 36;
const OTHERS_EVERY_MS = 1_500;
const OUTAGE_MS = 15_000;
/** Lanes of a process; as the setting's default. */
const LANES = 8;
/** Clients of the greedy user. */
const CLIENTS = 8;

/** Runs real processes over real services before a simulated endpoint until every thought has ended. */
export async function measureModel(
  services: NonNullable<Stores["services"]>,
  { workers, seed, startApi, startWorker }: ModelRunOptions,
): Promise<ModelRun> {
  const lanes = workers * LANES;
  const run = crypto.randomUUID();
  await using model = startSimulatedModel({ seed, lanes });
  await using kafka = openKafka({
    brokers: services.kafkaBrokers.split(","),
    log: createLogger({ service: "bench", level: "ERROR" }),
  });
  await using processes = new AsyncDisposableStack();
  const api = processes.use(await startApi({}));
  const running = await Promise.all(
    Array.from({ length: workers }, () =>
      startWorker({
        ANALYSER: "openai",
        ANALYSER_CONCURRENCY: String(LANES),
        OPENAI_BASE_URL: model.url,
      }).then((worker) => processes.use(worker))),
  );
  await Promise.all(
    running.map((worker) =>
      waitFor(
        "a worker in its group",
        async () => await metric(worker, "batch_processor_active_workers") === 1,
      )
    ),
  );

  const acceptedAt = new Map<number, number>();
  const greedy = GREEDY * workers;
  const post = async (thought: number, user: string) => {
    const response = await fetch(`${api.url}/thoughts`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ user_id: user, text: textOf(thought, run) }),
    });
    await response.body?.cancel();
    if (response.status !== 201) throw new Error(`POST /thoughts: ${response.status}`);
    acceptedAt.set(thought, performance.now());
    model.accepted(thought);
  };

  const before = await messagesIn(kafka);
  const startedAt = performance.now();
  let next = 0;
  await Promise.all(Array.from({ length: CLIENTS }, async () => {
    while (next < greedy) await post(next++, "greedy");
  }));
  for (let other = 0; other < OTHERS; other++) {
    await sleep(OTHERS_EVERY_MS);
    await post(greedy + other, `other ${other}`);
  }
  await waitFor("the others to begin", () => begun(greedy, greedy + OTHERS), { timeoutMs: 120_000 });
  model.goAway();
  await sleep(OUTAGE_MS);
  model.comeBack();
  const thoughts = greedy + OTHERS;
  await waitFor("every thought to end", async () => await ended() === thoughts, { timeoutMs: 600_000 });

  const report = model.report();
  const released = await sum("batch_processor_released_total") + await sum("batch_processor_retries_total");
  const idealS = report.neededS / lanes + (OUTAGE_MS / 1_000);
  return {
    workers,
    lanes,
    thoughts,
    greedy,
    lanesBusy: report.lanesBusy,
    perSecond: thoughts / ((report.endedAt - startedAt) / 1_000),
    idealPerSecond: thoughts / idealS,
    waits: { greedy: waitsOf(0, greedy), others: waitsOf(greedy, thoughts) },
    calls: report.calls,
    errors: report.errors,
    paidTwice: report.paidTwice,
    failed: await sum("batch_processor_thoughts_failed_total"),
    sentAgain: await messagesIn(kafka) - before - thoughts - released,
    outageS: OUTAGE_MS / 1_000,
    resumedAfterS: report.resumedAfterS,
  };

  function begun(from: number, to: number): boolean {
    const { begunAt } = model.report();
    return range(from, to).every((thought) => begunAt(thought) !== undefined);
  }

  function waitsOf(from: number, to: number): Wait {
    const { begunAt } = report;
    const begun = range(0, thoughts).map((thought) => begunAt(thought)!);
    const mine = range(from, to).map((thought) => ({ from: acceptedAt.get(thought)!, to: begun[thought]! }));
    const seconds = mine.map(({ from, to }) => Math.max(0, to - from) / 1_000);
    const ahead = mine.map(({ from, to }) => begun.filter((at) => at > from && at < to).length);
    return {
      p50S: percentile(seconds, 0.5),
      p95S: percentile(seconds, 0.95),
      p95Ahead: percentile(ahead, 0.95),
    };
  }

  async function ended(): Promise<number> {
    return await sum("batch_processor_thoughts_processed_total") +
      await sum("batch_processor_thoughts_failed_total");
  }

  async function sum(name: string): Promise<number> {
    const values = await Promise.all(running.map((worker) => metric(worker, name)));
    return values.reduce((total, value) => total + value, 0);
  }
}

/** The sum over a metric's series. */
async function metric({ url }: MeasuredProcess, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text.split("\n")
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(" "))), 0);
}

async function messagesIn(kafka: ReturnType<typeof openKafka>): Promise<number> {
  return Object.values(await kafka.watermark()).reduce((total, end) => total + end, 0);
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => from + at);
const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
