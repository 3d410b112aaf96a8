import assert from "node:assert/strict";
import type { Database } from "../core/store/database.ts";
import { createLogger } from "../core/telemetry/log.ts";
import { createMetrics } from "../core/telemetry/metrics.ts";
import { createOutbox } from "../core/store/outbox.ts";
import { createDeadLetters } from "../core/store/dead_letters.ts";
import { createStore } from "../core/store/thoughts.ts";
import { type Message, type Queue, QueueUnavailableError } from "../core/queue/queue.ts";
import { aThought } from "../tests/support/thoughts.ts";
import { testOnDatabase } from "../tests/support/databases.ts";
import { waitFor } from "../tests/support/wait.ts";
import { startRelay } from "./relay.ts";

const log = createLogger({ service: "test", write: () => {} });
/**
 * Runs a relay over this database until its outbox is empty; returns what it published, publish by publish.
 */
async function relay(database: Database, refusals = 0) {
  const outbox = createOutbox(database);
  const deadLetters = createDeadLetters(database);
  const published: (readonly Message[])[] = [];
  const queue: Pick<Queue, "publish"> = {
    publish(given) {
      if (refusals-- > 0) return Promise.reject(new QueueUnavailableError("away"));
      published.push(given);
      return Promise.resolve([]);
    },
  };
  const metrics = createMetrics("worker", "0");
  const stop = new AbortController();
  const { done } = startRelay({
    outbox,
    deadLetters,
    queue,
    window: { room: () => Promise.resolve(5_000) },
    metrics,
    log,
    signal: stop.signal,
    leads: () => true,
  });
  await waitFor(
    "an empty outbox",
    async () => (await database.query("select from outbox union all select from dead_letters")).length === 0,
    {
      everyMs: 10,
    },
  );
  stop.abort();
  await done;
  const [dead] = (await metrics.batch_processor_dead_letters_total.get()).values;
  return { published, deadLetters: dead!.value };
}

async function post(database: Database, count: number): Promise<string[]> {
  const thoughts = Array.from({ length: count }, () => aThought());
  await createStore(database).insert(thoughts);
  return thoughts.map(({ id }) => id);
}

testOnDatabase("what is in the outbox is published, each message once", async (database) => {
  const ids = await post(database, 3);
  const { published, deadLetters } = await relay(database);
  assert.deepEqual(published.flat().map(({ value }) => value).toSorted(), ids);
  assert.equal(deadLetters, 0);
});

testOnDatabase(
  "while the queue is down nothing is lost, and it is all sent when it is back",
  async (database) => {
    const ids = await post(database, 2);
    const { published } = await relay(database, 2);
    assert.deepEqual(published.flat().map(({ value }) => value).toSorted(), ids);
  },
);

testOnDatabase("dead letters are counted when they are sent", async (database) => {
  await createDeadLetters(database).put([{ value: "2", reason: "r", traceparent: null }]);
  assert.equal((await relay(database, 1)).deadLetters, 1);
});

testOnDatabase("a long outbox is sent in pieces of at most a thousand", async (database) => {
  await post(database, 2_500);
  const { published } = await relay(database);
  assert.deepEqual(published.map((messages) => messages.length), [1_000, 1_000, 500]);
});

testOnDatabase(
  "ids of a trace go along where it is sampled, and with every dead letter",
  async (database) => {
    const traceparent = (flags: string) => `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;
    const thoughts = ["00", "01"].map((flags) => aThought({ traceparent: traceparent(flags) }));
    await createStore(database).insert(thoughts);
    await createDeadLetters(database).put([{ value: "gone", reason: "r", traceparent: traceparent("00") }]);
    const { published } = await relay(database);
    const sent = new Map(published.flat().map(({ value, traceparent }) => [value, traceparent]));
    assert.equal(sent.get(thoughts[0]!.id), null);
    assert.match(sent.get(thoughts[1]!.id)!, /-01$/);
    assert.equal(sent.get("gone"), traceparent("00"), "it has failed, and so has left a late trace");
  },
);
