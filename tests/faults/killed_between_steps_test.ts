/**
 * A worker that exits between two steps of its work, at each of them: its successor finishes everything,
 * once.
 */
import assert from "node:assert/strict";
import { migrate } from "../../core/store/database.ts";
import { openPostgres } from "../../core/store/postgres.ts";
import { createStore } from "../../core/store/thoughts.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { ROOT, startProcess } from "../support/process.ts";
import { type Services, testOnServices } from "../support/services.ts";
import { aThought } from "../support/thoughts.ts";
import { waitFor } from "../support/wait.ts";
import { startModel } from "./model.ts";
import { startProgram } from "./program.ts";
import { createResultAudit } from "./result_audit.ts";
import { breakSource, type Removal } from "./source.ts";

const THOUGHTS = 12;
/** The exit code of a process that ended where it was told to. */
const ENDED = 99;
/** Kafka misses a killed member sooner, so that a test needn't wait for it; the broker allows no less. */
const SOON_MISSED: Removal = {
  file: "core/queue/kafka_consumer.ts",
  from: "const SESSION_TIMEOUT_MS = 15_000",
  to: "const SESSION_TIMEOUT_MS = 6_000",
};
/** Where a process exits: at this line of its source, once it gets there with work in progress. */
interface Point {
  readonly file: string;
  /** Must occur in the file exactly once. */
  readonly line: string;
  /** Ends behind the line, not before it. */
  readonly behind?: true;
  readonly when: string;
}

interface Step {
  /** One process after the other ends at these. */
  readonly points: readonly Point[];
  /** Whether the model is down until the last one has exited. @default false */
  readonly away?: true;
  /** Whether the thoughts' messages are lost before any worker starts. @default false */
  readonly lost?: true;
}

const CLAIMED: Point = {
  file: "worker/intake.ts",
  line: "if (claimed.length > 0) {",
  when: "claimed.length > 0",
};

/** In the order of a thought's path through a worker, and then of its paths back. */
const STEPS: Readonly<Record<string, Step>> = {
  "a message is sent, but still in the outbox": {
    points: [{
      file: "worker/relay.ts",
      line: "const refused = await send(queue, messages, metrics);",
      behind: true,
      when: "messages[0]!.topic !== DEAD_TOPIC",
    }],
  },
  "a message is sent, and gone from the outbox": {
    points: [{
      file: "worker/relay.ts",
      line: "if (await outbox.take(room, publish) > 0) {",
      behind: true,
      when: "true",
    }],
  },
  "a message is received": {
    points: [{
      file: "worker/intake.ts",
      line: "claimed = publishedAt.size === 0 ?",
      when: "publishedAt.size > 0",
    }],
  },
  "a claim is committed": { points: [CLAIMED] },
  "an offset is committed": {
    points: [{
      file: "core/queue/kafka_consumer.ts",
      line: "await commitOffsetsIfNecessary(uncommittedOffsets()).catch(() => rebalancing.abort());",
      behind: true,
      when: "taken > 0",
    }],
  },
  "an analysis has ended": {
    points: [{ file: "worker/settlement.ts", line: 'held.state = "settling";', when: "outcome.ok" }],
  },
  "a result is stored": {
    points: [{
      file: "worker/settlement.ts",
      line: "for (const id of refused) failures.set(id, UNSTORABLE);",
      when: "stored.size > 0",
    }],
  },
  "a thought is released, since the model is away": {
    away: true,
    points: [{
      file: "worker/settlement.ts",
      line: "ended.waiting.forEach((id) => waiting.add(id));",
      when: "ended.waiting.size > 0",
    }],
  },
  "a dead worker's claim is released": {
    points: [CLAIMED, {
      file: "worker/reconciler.ts",
      line: "const { waiting, failed } = await stranded.releaseStale(stale);",
      behind: true,
      when: "waiting.size > 0",
    }],
  },
  "a dead worker's thought is claimed, to be tried alone": {
    points: [CLAIMED, { file: "worker/suspects.ts", line: "if (claim === null) {", when: "claim !== null" }],
  },
  "a lost message is announced again": {
    lost: true,
    points: [{
      file: "worker/reconciler.ts",
      line: "const lost = await stranded.announceAgain(followed.announcements);",
      behind: true,
      when: "lost > 0",
    }],
  },
};

testOnServices(
  "a worker that ends between any two steps leaves every thought to be done, once",
  async (services) => {
    // In parallel: nearly all of the time is spent waiting for Kafka to drop the dead.
    await Promise.all(
      Object.entries(STEPS).map(async ([name, step]) => {
        try {
          await tryStep(services, step);
        } catch (cause) {
          throw new Error(`It ended when ${name}: ${cause}`, { cause });
        }
      }),
    );
  },
);

async function tryStep(services: Services, { points, away, lost }: Step): Promise<void> {
  await using model = startModel({ latencyMs: 50 });
  if (away) model.goAway();
  await using audit = await createResultAudit(services.databaseUrl);
  const ids = await post(audit.url);
  await audit.watch();
  if (lost) {
    await audit.query("delete from outbox");
    await audit.query("update thoughts set queued_at = now() - interval '1 minute'");
  }
  const name = `steps-${crypto.randomUUID()}`;
  const env = {
    DATABASE_URL: audit.url,
    REDIS_URL: services.redisUrl,
    KAFKA_BROKERS: services.kafkaBrokers,
    // Of its own: the steps run side by side.
    ...{ KAFKA_TOPIC: name, KAFKA_DEAD_TOPIC: `${name}.dead`, KAFKA_GROUP: name },
    ...{ WORKER_PORT: "0", ANALYSER: "openai", OPENAI_BASE_URL: model.url },
    ...{ LEASE_MS: "2000", RECONCILE_EVERY_MS: "300", REQUEUE_AFTER_MS: "5000" },
  };
  for (const point of points) {
    await using source = await breakSource(SOON_MISSED, ending(point));
    await using victim = startProcess({
      args: ["--no-prompt", "-P=worker", "worker/main.ts"],
      env,
      root: source.root,
    });
    const { code } = await victim.status;
    assert.equal(code, ENDED, `not where it was told to: ${victim.stdout().slice(-2_000)}${victim.stderr()}`);
  }
  model.comeBack();
  await using _next = await startProgram({ root: ROOT, entry: "worker", env });
  await waitFor("every thought to have ended", async () => await audit.open() === 0, {
    timeoutMs: 90_000,
    describe: () =>
      audit.query(
        "select id, status, thoughts.attempts, crashes, suspect from thoughts left join outbox on id = thought_id",
      ),
  });
  assert.deepEqual(await audit.verdict(ids), {
    ...{ stored: THOUGHTS, completed: THOUGHTS },
    ...{ failed: 0, lost: 0, twice: 0, mixedUp: 0 },
  });
  const [row] = await audit.query<{ left: number; charged: number }>(
    "select (select count(*) from outbox)::int as left, max(attempts - attempts_forgiven - crashes) as charged from thoughts",
  );
  assert.deepEqual({ ...row }, { left: 0, charged: 1 });
}

/** Stores thoughts as the API does. */
async function post(url: string): Promise<string[]> {
  await using database = openPostgres({ url, poolSize: 1 });
  await migrate(database, createLogger({ service: "test", write: () => {} }));
  const thoughts = Array.from({ length: THOUGHTS }, (_, n) => aThought({ text: `Thought ${n} of ${url}` }));
  await createStore(database).insert(thoughts);
  return thoughts.map(({ id }) => id);
}

function ending({ file, line, behind, when }: Point): Removal {
  const end = `if (${when}) Deno.exit(${ENDED});`;
  return { file, from: line, to: behind ? `${line} ${end}` : `${end} ${line}` };
}
