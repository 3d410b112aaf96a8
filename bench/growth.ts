/** Whether the statements of API and workers stay as fast when millions of thoughts are stored and wait. */
import { createClaims } from "../core/store/claims.ts";
import { createStranded } from "../core/store/stranded.ts";
import { type Database, migrate } from "../core/store/database.ts";
import { createOutbox, RAISED_EVERY_MS } from "../core/store/outbox.ts";
import { openPostgres } from "../core/store/postgres.ts";
import { createRetention } from "../core/store/retention.ts";
import { createStore } from "../core/store/thoughts.ts";
import { countWaiting, createWaitingCounter } from "../core/store/waiting.ts";
import { pause } from "../core/retry.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { aThought } from "../tests/support/thoughts.ts";

export interface Size {
  /** Finished thoughts. */
  readonly stored: number;
  /** Thoughts that wait, each with its message in the outbox. */
  readonly waiting: number;
}

export interface Growth {
  readonly small: Size;
  readonly large: Size;
  readonly operations: readonly Operation[];
}

/** What an operation takes in each database. */
export interface Operation {
  readonly name: string;
  readonly small: Durations;
  readonly large: Durations;
}

export interface Durations {
  readonly p50Ms: number;
  readonly p95Ms: number;
}

export interface GrowthOptions {
  readonly large: Size;
  readonly onStep: (step: string) => void;
}

interface Filled extends AsyncDisposable {
  readonly database: Database;
  /** One connection without a time limit. */
  readonly patient: Database;
}

/** Runs every operation once, calling back with the name of each and the milliseconds it took. */
type Round = (measured: (name: string, ms: number) => void) => Promise<void>;

const SMALL: Size = { stored: 10_000, waiting: 10_000 };
const ROUNDS = 60;
const WARM_UP_ROUNDS = 10;
const EMPTY_POLLS = 20;
/** Thoughts of one statement, and those of them that fail. */
const BATCH = 20;
const FAILING = 2;
const PAGE = 50;
/** Of unfinished thoughts, checked at once: the small database has several. */
const PART = 2_000;
/** The thoughts were posted over this time; the older ones are pruned. */
const DAYS = 30;
const KEPT_DAYS = 20;
/** Rows of one statement while the database is filled. */
const FILLED_AT_ONCE = 500_000;
const PATIENCE_MS = 3_600_000;
const USERS = 100_000;
const LEASE_MS = 60_000;

/** Fills two databases, and runs each operation on the one and on the other in turn. */
export async function measureGrowth(serverUrl: string, { large, onStep }: GrowthOptions): Promise<Growth> {
  await using few = await openFilled(serverUrl, SMALL, onStep);
  await using many = await openFilled(serverUrl, large, onStep);
  const sides = [few, many].map(({ database, patient }) => ({
    database,
    patient,
    round: createRound(database),
    taken: new Map<string, number[]>(),
  }));
  const note = (taken: Map<string, number[]>) => (name: string, ms: number) => {
    taken.set(name, [...taken.get(name) ?? [], ms]);
  };
  onStep("each operation on both in turn");
  for (let round = -WARM_UP_ROUNDS; round < ROUNDS; round++) {
    for (const side of sides) await side.round(round < 0 ? () => {} : note(side.taken));
  }
  onStep("polls of an outbox that was emptied while a snapshot is held");
  for (const { database, patient, taken } of sides) await pollEmptied(database, patient, note(taken));

  const [ofFew, ofMany] = sides.map(({ taken }) => taken);
  return {
    small: SMALL,
    large,
    operations: [...ofFew!].map(([name, times]) => ({
      name,
      small: durations(times),
      large: durations(ofMany!.get(name)!),
    })),
  };
}

function createRound(database: Database): Round {
  const store = createStore(database);
  const outbox = createOutbox(database);
  const claims = createClaims(database, { leaseMs: LEASE_MS, maxAttempts: 5 });
  const stranded = createStranded(database);
  const retention = createRetention(database);
  const pollGauges = createWaitingCounter(database);
  let after: string | null = null;

  return async (measured) => {
    const timed = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
      const startedAt = performance.now();
      const result = await run();
      measured(name, performance.now() - startedAt);
      return result;
    };
    await timed(`accept ${BATCH}`, () => store.insert(Array.from({ length: BATCH }, newThought)));
    const ids: string[] = [];
    await timed(`relay ${BATCH}`, () =>
      outbox.take(BATCH, (messages) => {
        ids.push(...messages.map(({ value }) => value));
        return Promise.resolve();
      }));
    const claimed = await timed(`claim ${BATCH}`, () => claims.claim(ids));
    await timed(`renew ${BATCH}`, () => claims.renew(claimed));
    await timed(
      `complete ${BATCH - FAILING}`,
      () =>
        claims.complete(claimed.slice(FAILING).map(({ id, attempt }) => ({ id, attempt, result: RESULT }))),
    );
    await timed(`fail ${FAILING}`, () =>
      claims.fail(
        claimed.slice(0, FAILING).map(({ id, attempt }) => ({
          ...{ id, attempt, error: "no answer", reason: "analyser_error", delayMs: 0 },
          kind: "refused",
        })),
      ));
    await timed("list by user", () => store.list({ userId: someUser(), limit: PAGE }));
    for (const status of ["pending", "completed", "failed"] as const) {
      await timed(`list ${status}`, () => store.list({ status, limit: PAGE }));
    }
    await timed("gauges, each poll", pollGauges);
    await timed("gauges, a count", () => countWaiting(database));
    const part = await timed("reconciler", () => stranded.look(after, PART, 0));
    after = part.next;
    const periods = { completedDays: KEPT_DAYS, failedDays: 0, idempotencyKeyDays: 0 };
    await timed(`prune ${BATCH}`, () => retention.prune(periods, BATCH));
  };
}

/** A snapshot keeps what was deleted since in the indexes: a poll that began at their start would read all. */
async function pollEmptied(
  database: Database,
  patient: Database,
  measured: Parameters<Round>[0],
): Promise<void> {
  const outbox = createOutbox(database);
  const store = createStore(database);
  await database.transaction(async (holding) => {
    await holding.query("set transaction isolation level repeatable read");
    await holding.query("select from thoughts limit 1");
    await patient.query("delete from outbox");
    for (let time = 0; time < 3; time++) {
      await outbox.raiseFloors();
      await pause(RAISED_EVERY_MS);
    }
    for (let poll = 0; poll < EMPTY_POLLS; poll++) {
      const startedAt = performance.now();
      await outbox.take(BATCH, () => Promise.resolve());
      await outbox.ripen(BATCH);
      measured("empty poll, snapshot held", performance.now() - startedAt);
      const acceptedAt = performance.now();
      await store.insert(Array.from({ length: BATCH }, newThought));
      measured(`accept ${BATCH}, snapshot held`, performance.now() - acceptedAt);
      await outbox.take(BATCH, () => Promise.resolve());
    }
  }, { limitMs: Infinity });
}

/** Short, like the texts: thirty million thoughts then take less than 20 GB. */
const RESULT = JSON.stringify({
  classification: { type: "task", urgency: "medium" },
  priority: { level: "medium", score: 48 },
});

/** A few users have most of the thoughts. */
const someUser = () => `user ${Math.floor(USERS * Math.random() ** 3)}`;

const newThought = () => aThought({ userId: someUser() });

/** A database of its own with thoughts of many users, posted over some weeks. */
async function openFilled(serverUrl: string, size: Size, onStep: GrowthOptions["onStep"]): Promise<Filled> {
  await using stack = new AsyncDisposableStack();
  const patiently = (url: string) => openPostgres({ url, poolSize: 1, statementTimeoutMs: PATIENCE_MS });
  const admin = stack.use(patiently(serverUrl));
  const name = `growth_${crypto.randomUUID().replaceAll("-", "")}`;
  await admin.query(`create database ${name}`);
  stack.defer(async () => void await admin.query(`drop database ${name} with (force)`));
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const database = stack.use(openPostgres({ url: url.href }));
  const patient = stack.use(patiently(url.href));
  await migrate(database, createLogger({ service: "bench", level: "ERROR" }));
  await patient.query("set synchronous_commit = off");
  await patient.query("set maintenance_work_mem = '512MB'");
  // Indexes are made afterwards: that takes a fraction of the time.
  const indexes = await patient.query<{ name: string; definition: string }>(
    `select indexname as name, indexdef as definition from pg_indexes
     where tablename in ('thoughts', 'outbox') and indexname not like '%_pkey'`,
  );
  for (const { name } of indexes) await patient.query(`drop index "${name}"`);
  const total = size.stored + size.waiting;
  const fill = async (first: number, end: number) => {
    for (let from = first; from < end; from += FILLED_AT_ONCE) {
      onStep(`filling: ${from.toLocaleString("en")} of ${total.toLocaleString("en")} thoughts`);
      await patient.query(FILL, [from, Math.min(end, from + FILLED_AT_ONCE) - 1, total, size.stored]);
    }
  };
  // Finished thoughts need no room for a claim.
  await patient.query("alter table thoughts set (fillfactor = 100)");
  await fill(0, size.stored);
  await patient.query("alter table thoughts set (fillfactor = 80)");
  await fill(size.stored, total);
  onStep("filling: the outbox and the indexes");
  await patient.query(FILL_OUTBOX);
  await patient.query("insert into outbox_floors (flow) values ('') on conflict do nothing");
  for (const { definition } of indexes) await patient.query(definition);
  for (const table of ["thoughts", "outbox"]) await patient.query(`vacuum analyze ${table}`);
  const owned = stack.move();
  return { database, patient, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** From $1 to $2 of $3 thoughts, of which the first $4 are finished. Their ids are in the order of their times. */
const FILL = `
  insert into thoughts (id, user_id, text, context, status, attempts, priority, created_at, queued_at, finished_at,
    claimed_at, result, error, failure)
  select (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(n & 4095), 3, '0') ||
      '8' || lpad(to_hex(n::bigint), 15, '0'))::uuid,
    'user ' || floor(${USERS} * power(random(), 3)),
    'Thought ' || n || ': I should call the dentist tomorrow.', null,
    case when n >= $4::int then 'pending' when n % 50 = 0 then 'failed' else 'completed' end,
    case when n >= $4::int then 0 else 1 end, case when n % 10 = 0 then 'batch' else 'interactive' end, at, at,
    case when n < $4::int then at + interval '1 second' end, case when n < $4::int then at end,
    case when n < $4::int and n % 50 <> 0 then '${RESULT}'::jsonb end,
    case when n < $4::int and n % 50 = 0 then 'no answer' end,
    case when n < $4::int and n % 50 = 0 then 'analyser_error' end
  from (
    select n, now() - interval '1 minute' - interval '${DAYS} days' * (1 - n::float8 / $3::int) as at
    from generate_series($1::int, $2::int) n
  ) spread`;

const FILL_OUTBOX = `
  insert into outbox (thought_id, attempts, flow, user_id, cost, rank, available_at)
  select id, 0, '', user_id, case priority when 'batch' then 10 else 1 end,
    (extract(epoch from created_at) * 1000000)::bigint, created_at
  from thoughts where finished_at is null`;

function durations(times: readonly number[]): Durations {
  const sorted = times.toSorted((one, other) => one - other);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!;
  return { p50Ms: at(0.5), p95Ms: at(0.95) };
}
