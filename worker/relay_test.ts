import assert from "node:assert/strict";
import type { Database } from "../core/store/database.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { createOutbox } from "../core/store/outbox.ts";
import {
  DEAD_TOPIC,
  type Message,
  type Queue,
  QueueUnavailableError,
  THOUGHTS_TOPIC,
} from "../core/queue/queue.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { waitFor } from "../tests/support/wait.ts";
import { runRelay } from "./relay.ts";

const log = createLogger({ service: "test", write: () => {} });
const message = (value: string, topic = THOUGHTS_TOPIC): Message => ({
  topic,
  key: "ada",
  value,
  reason: null,
  traceparent: null,
});

/** Runs a relay over an outbox with these messages until it is empty; answers what it published, publish by publish. */
async function relay(database: Database, messages: readonly Message[], refusals = 0) {
  const outbox = createOutbox(database);
  for (const one of messages) await outbox.put(one);
  const published: (readonly Message[])[] = [];
  const queue: Pick<Queue, "publish"> = {
    publish(given) {
      if (refusals-- > 0) return Promise.reject(new QueueUnavailableError("away"));
      published.push(given);
      return Promise.resolve();
    },
  };
  const metrics = createMetrics("worker", "0");
  const stop = new AbortController();
  const running = runRelay({ outbox, queue: queue as Queue, metrics, log, signal: stop.signal });
  await waitFor("an empty outbox", async () => (await database.query("select from outbox")).length === 0, {
    everyMs: 10,
  });
  stop.abort();
  await running;
  const [dead] = (await metrics.batch_processor_dead_letters_total.get()).values;
  return { published, deadLetters: dead!.value };
}

testOnDatabase("what stands in the outbox is published, each message once", async (database) => {
  const { published, deadLetters } = await relay(database, ["1", "2", "3"].map((value) => message(value)));
  assert.deepEqual(published.flat().map(({ value }) => value).toSorted(), ["1", "2", "3"]);
  assert.equal(deadLetters, 0);
});

testOnDatabase(
  "while the queue is away nothing is lost, and it is all sent when it is back",
  async (database) => {
    const { published } = await relay(database, ["1", "2"].map((value) => message(value)), 2);
    assert.deepEqual(published.flat().map(({ value }) => value).toSorted(), ["1", "2"]);
  },
);

testOnDatabase("dead letters are counted when they are sent", async (database) => {
  const { deadLetters } = await relay(database, [message("1"), message("2", DEAD_TOPIC)], 1);
  assert.equal(deadLetters, 1);
});

testOnDatabase("a long outbox is sent in pieces of at most a thousand", async (database) => {
  await database.query(
    "insert into outbox (topic, key, value) select 'thoughts', 'ada', n::text from generate_series(1, 2500) n",
  );
  const { published } = await relay(database, []);
  assert.deepEqual(published.map((messages) => messages.length), [1_000, 1_000, 500]);
});
