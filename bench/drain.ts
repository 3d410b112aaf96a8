/** How fast workers empty the queue. */
import postgres from "postgres";
import { uuidv7 } from "uuidv7";
import { openKafka } from "../core/queue/kafka.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { THOUGHTS_TOPIC } from "../core/queue/queue.ts";
import { isSampled } from "../core/telemetry/traceparent.ts";
import { waitFor } from "../tests/support/wait.ts";
import type { Stores } from "./stores.ts";
import type { MeasuredProcess } from "./measured_process.ts";
import { type DatabaseServer, type UsagePer1000, usagePer1000 } from "./database_server.ts";

export interface Drain {
  readonly thoughts: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** CPU time of all workers for a thousand thoughts, in milliseconds. */
  readonly cpuMsPer1000: number;
  /** What PostgreSQL took, if `server` was given. */
  readonly database?: UsagePer1000;
  /** Of the largest. */
  readonly peakMemoryBytes: number;
}

export interface DrainOptions {
  readonly thoughts: number;
  /** Share of thoughts whose text has occurred before. */
  readonly repeats: number;
  /** Where the thoughts wait: in Kafka already, or in the outbox, which gives the worker's relay work too. */
  readonly from: "kafka" | "outbox";
  /** Share of thoughts that belong to a sampled trace. @default 0 */
  readonly sampled?: number;
  /** The PostgreSQL, to measure it too. */
  readonly server?: DatabaseServer | undefined;
}

/**
 * Queues thoughts while the workers are stopped (SIGSTOP: they stay members of their group), continues them,
 * and waits until the last result is committed. Counts from their continuation to the last `finished_at`.
 */
export async function measureDrain(
  workers: readonly MeasuredProcess[],
  services: NonNullable<Stores["services"]>,
  options: DrainOptions,
): Promise<Drain> {
  const sql = postgres(services.databaseUrl, { max: 1, fetch_types: false, onnotice() {} });
  const kafka = openKafka({
    brokers: services.kafkaBrokers.split(","),
    log: createLogger({ service: "bench", level: "ERROR" }),
  });
  const cpuS = () => workers.reduce((total, worker) => total + worker.cpuS(), 0);
  try {
    const rows = thoughtsToQueue(options);
    await kafka.ping();
    for (const worker of workers) worker.signal("SIGSTOP");
    await sql.unsafe(`${INSERT}${options.from === "outbox" ? ALSO_QUEUE : ""} select`, [
      JSON.stringify(rows),
    ]);
    if (options.from === "kafka") {
      await kafka.publish(rows.map(({ id, traceparent }) => ({
        topic: THOUGHTS_TOPIC,
        value: id,
        reason: null,
        traceparent: isSampled(traceparent) ? traceparent : null, // as the relay does
      })));
    }
    await sql.unsafe("checkpoint");
    const cpuBefore = cpuS();
    const serverBefore = await options.server?.usage();
    const startedAt = Date.now();
    for (const worker of workers) worker.signal("SIGCONT");
    await waitFor("the queue is empty", async () => {
      const [row] = await sql.unsafe(
        "select exists (select from thoughts where finished_at is null) as open",
      );
      return !row!.open;
    }, { timeoutMs: 120_000 });
    const peakMemoryBytes = Math.max(...workers.map((worker) => worker.peakMemoryBytes()));
    const usedS = cpuS() - cpuBefore;
    const serverAfter = await options.server?.usage();
    const [row] = await sql.unsafe(
      "select count(*)::int as n, extract(epoch from max(finished_at))::float8 as at from thoughts where status = 'completed'",
    );
    await sql.unsafe("truncate thoughts");
    if (row!.n !== options.thoughts) {
      throw new Error(`${options.thoughts - row!.n} thoughts were not completed`);
    }
    const seconds = row!.at - startedAt / 1_000;
    return {
      thoughts: options.thoughts,
      seconds,
      perSecond: options.thoughts / seconds,
      cpuMsPer1000: usedS / options.thoughts * 1e6,
      ...(serverBefore && { database: usagePer1000(serverBefore, serverAfter!, options.thoughts) }),
      peakMemoryBytes,
    };
  } finally {
    await sql.end();
    await kafka[Symbol.asyncDispose]();
  }
}

const TOPICS = [
  "the garden",
  "my boss",
  "our holiday",
  "a guitar",
  "the bank",
  "my sleep",
  "the climate",
  "a friend",
];

/** Every text is new to the cache except the repeats, which are spread evenly. */
function thoughtsToQueue({ thoughts, repeats, sampled = 0 }: DrainOptions) {
  const run = crypto.randomUUID();
  const distinct = Math.round(thoughts * (1 - repeats));
  return Array.from({ length: thoughts }, (_, n) => {
    const text = Math.floor(n * distinct / thoughts);
    return {
      id: uuidv7(),
      traceparent: sampled === 0 ? null : traceparent(Math.random() < sampled),
      user: `user-${n % 1_000}`,
      text:
        `I want to think about ${
          TOPICS[text % TOPICS.length]
        } before the weekend, because plan ${text} of ${run} ` +
        "makes me happy and a little worried at the same time",
    };
  });
}

function traceparent(sampled: boolean): string {
  const hex = crypto.randomUUID().replaceAll("-", "");
  return `00-${hex}-${hex.slice(0, 16)}-${sampled ? "01" : "00"}`;
}

const INSERT = `
  with given as (
    select * from jsonb_to_recordset($1::text::jsonb) as given(id uuid, "user" text, text text, traceparent text)
  ), stored as (
    insert into thoughts (id, user_id, text, traceparent) select id, "user", text, traceparent from given
  )`;
const ALSO_QUEUE = `, known as (
    insert into outbox_floors (flow) values ('') on conflict do nothing
  ), queued as (
    insert into outbox (thought_id, attempts, flow, user_id, cost, rank, traceparent)
    select id, 0, '', "user", 1,
      (extract(epoch from clock_timestamp()) * 1000000)::bigint + row_number() over (partition by "user"), traceparent
    from given
  )`;
