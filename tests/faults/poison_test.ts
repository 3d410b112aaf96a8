/** Messages and thoughts that can't be processed, among others that can. */
import assert from "node:assert/strict";
import { openKafka } from "../../core/queue/kafka.ts";
import { createLogger } from "../../core/telemetry/log.ts";
import { DEAD_TOPIC, THOUGHTS_TOPIC } from "../../core/queue/queue.ts";
import { LIMITS } from "../../core/thought.ts";
import { readTopic } from "./topic.ts";
import { startLoad } from "./load.ts";
import { startModel, TRIGGERS } from "./model.ts";
import { faultTest } from "./services.ts";
import { startSystem, type System } from "./system.ts";
import { waitFor } from "../support/wait.ts";

const MESSAGES = 1_000;
/** Three of a kind where a thought is poison, four where the message itself is: 20 in all. */
const KINDS = ["error", "hang", "invalid", "atLimit"] as const;
const OF_EACH_KIND = 3;
const MALFORMED = ["not json", "{}", "", "'; drop table thoughts; --"];
const UNKNOWN = Array.from({ length: 4 }, () => crypto.randomUUID());
const POISON = KINDS.length * OF_EACH_KIND + MALFORMED.length + UNKNOWN.length;

/** Thoughts posted after the others, four a second. */
const TRICKLE = 120;

/** Three bytes each in UTF-8: the longest text there is, by any measure. */
const LONGEST = "語".repeat(LIMITS.textChars - 50);
/** The cache may know the texts of an earlier run. */
const RUN = crypto.randomUUID();

function poison(n: number): string | undefined {
  const kind = KINDS[Math.floor(n / OF_EACH_KIND)];
  if (kind === undefined) return undefined;
  return kind === "atLimit"
    ? `${LONGEST}${`${n} ${RUN}`.padStart(50)}`
    : `Thought ${n} ${TRIGGERS[kind]} ${RUN}`;
}

faultTest("20 poison messages among 1,000 end as designed and disturb nobody", async (services) => {
  await using model = startModel();
  await using system = await startSystem(services, {
    env: {
      ANALYSER: "openai",
      OPENAI_BASE_URL: model.url,
      ANALYSER_TIMEOUT_MS: "1000",
      ANALYSER_CONCURRENCY: "20",
    },
  });
  await using deadLetters = await readTopic(services.kafkaBrokers, DEAD_TOPIC);

  await publish(services.kafkaBrokers, [...MALFORMED, ...UNKNOWN]);
  const load = startLoad({
    api: () => system.api.url,
    thoughts: MESSAGES - MALFORMED.length - UNKNOWN.length,
    text: (n) => poison(n) ?? `Thought ${n} of ${crypto.randomUUID()}`,
  });
  await load.done;
  // A time-out is charged only where others get through: posting continues while the last of them hang.
  const trickle = startLoad({ api: () => system.api.url, thoughts: TRICKLE, perSecond: 4 });
  await trickle.done;
  await system.settled(120_000);

  const failing = await system.audit.query<{ id: string; text: string; attempts: number; error: string }>(
    "select id, text, attempts, error from thoughts where status = 'failed'",
  );
  assert.equal(POISON, 20);
  assert.equal(failing.length, 3 * OF_EACH_KIND);
  for (const { text, attempts, error } of failing) {
    // Refused at once; or five charged attempts, beside those in which nothing else got through.
    if (text.includes(TRIGGERS.error)) assert.equal(attempts, 1, text);
    else assert.ok(attempts >= 5, `${attempts}: ${text}`);
    assert.match(error, errorOf(text));
  }
  assert.equal(
    await system.audit.count("completed"),
    980 + OF_EACH_KIND + TRICKLE,
    "the rest, and texts at the limit",
  );

  await waitFor("the dead letters are there", () => failing.every(({ id }) => deadLetters.reasons.has(id)));
  for (const { id, error } of failing) assert.equal(deadLetters.reasons.get(id), error);
  const malformed = [...deadLetters.reasons].filter(([, reason]) => reason === "malformed message");
  assert.ok(malformed.length >= MALFORMED.length);
  assert.equal(
    await sum(system, 'batch_processor_messages_skipped_total{reason="malformed"}'),
    MALFORMED.length,
  );
  assert.equal(await sum(system, 'batch_processor_messages_skipped_total{reason="unknown"}'), UNKNOWN.length);
  assert.ok(system.workers.every((worker) => !worker.exited), "no worker ended");

  model.mend();
  assert.match(await system.task("worker/operate.ts", "redrive"), /^9 thoughts queued again/);
  await system.settled();
  const accepted = [...load.accepted, ...trickle.accepted];
  const verdict = await system.audit.verdict(accepted);
  assert.deepEqual(verdict, {
    stored: accepted.length,
    completed: accepted.length,
    failed: 0,
    lost: 0,
    twice: 0,
    mixedUp: 0,
  });
});

function errorOf(text: string): RegExp {
  if (text.includes(TRIGGERS.error)) return /^The model at 127\.0\.0\.1 .*HTTP 422/;
  if (text.includes(TRIGGERS.hang)) return /did not respond within 1000 ms|failed \(no response in time\)/;
  return /^The analyser's result is not valid/;
}

/** Past API and outbox, as something else that writes to the topic would. */
async function publish(brokers: string, values: readonly string[]): Promise<void> {
  const log = createLogger({ service: "test", level: "ERROR" });
  await using kafka = openKafka({ brokers: brokers.split(","), log });
  await kafka.publish(
    values.map((value) => ({ topic: THOUGHTS_TOPIC, value, reason: null, traceparent: null })),
  );
}

async function sum(system: System, metric: string): Promise<number> {
  const values = await Promise.all(system.workers.map((worker) => worker.metric(metric)));
  return values.reduce((total, value) => total + value, 0);
}
