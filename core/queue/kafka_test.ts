import assert from "node:assert/strict";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { startTcpProxy } from "../../tests/support/tcp_proxy.ts";
import { testOnServices } from "../../tests/support/services.ts";
import { waitFor } from "../../tests/support/wait.ts";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";
import { openKafka } from "./kafka.ts";
import { createLogger } from "../telemetry/log.ts";
import {
  DEAD_TOPIC,
  type Message,
  QueueMisconfiguredError,
  QueueUnavailableError,
  type ReceivedMessage,
  THOUGHTS_TOPIC,
} from "./queue.ts";

const log = createLogger({ service: "test", write: () => {} });
/** Messages of a test have an id of its own in them: others' may lie on the same topic. */
const message = (value: string, traceparent: string | null = null): Message => ({
  topic: THOUGHTS_TOPIC,
  value,
  reason: null,
  traceparent,
});

Deno.test("a connection on which nothing waits has no timer", () => {
  const queue = new RequestQueue({ maxInFlightRequests: null, logger: {} });
  queue.checkPendingRequests();
  assert.ok(!queue.throttleCheckTimeoutId);
});

testOnServices(
  "messages arrive with trace and position, in batches of at most the size asked for",
  async ({ kafkaBrokers }) => {
    await using queue = openKafka({ brokers: [kafkaBrokers], log });
    const run = crypto.randomUUID();
    const received = new Map<string, ReceivedMessage>();
    let largest = 0;
    await using subscription = await queue.subscribe((batch) => {
      largest = Math.max(largest, batch.length);
      for (const one of batch) if (one.value.startsWith(run)) received.set(one.value, one);
      return Promise.resolve(batch.length);
    }, 5);
    await waitFor("membership of the group", () => Promise.resolve(subscription.active()));
    const sent = Array.from(
      { length: 60 },
      (_, at) => message(`${run} ${at}`, at === 0 ? "00-1-2-01" : null),
    );
    await queue.publish(sent);
    await waitFor("all of them", () => Promise.resolve(received.size === 60));
    const first = received.get(`${run} 0`)!;
    assert.match(first.position, /^thoughts\/\d\/\d+$/);
    const { position: _, publishedAt, ...rest } = first;
    assert.deepEqual(rest, sent[0]!);
    assert.ok(Math.abs(publishedAt! - Date.now()) < 60_000);
    assert.equal(received.get(`${run} 1`)!.traceparent, null);
    assert.equal(new Set([...received.values()].map(({ position }) => position)).size, 60);
    assert.ok(largest <= 5, `${largest} in a batch`);
    await queue.ping();
  },
);

testOnServices(
  "a batch whose handler throws comes again at once, before what lies behind it",
  async ({ kafkaBrokers }) => {
    await using queue = openKafka({ brokers: [kafkaBrokers], log });
    const run = crypto.randomUUID();
    const seen: string[] = [];
    let failures = 2;
    await using subscription = await queue.subscribe((batch) => {
      const mine = batch.filter(({ value }) => value.startsWith(run)).map(({ value }) =>
        value.slice(run.length)
      );
      if (mine.length === 0) return Promise.resolve(batch.length);
      if (failures-- > 0) return Promise.reject(new Error("no database"));
      seen.push(...mine);
      return Promise.resolve(batch.length);
    }, 1);
    await waitFor("membership of the group", () => Promise.resolve(subscription.active()));
    await queue.publish(["1", "2", "3"].map((value) => (message(run + value))));
    await waitFor("all three", () => Promise.resolve(seen.length >= 3));
    assert.deepEqual(seen, ["1", "2", "3"]);
  },
);

testOnServices(
  "a topic deleted under its readers is created again by them, though nobody publishes",
  async ({ kafkaBrokers }) => {
    const thoughts = `thoughts-${crypto.randomUUID()}`;
    await using queue = openKafka({ brokers: [kafkaBrokers], names: { thoughts, group: thoughts }, log });
    const received: string[] = [];
    await using _subscription = await queue.subscribe((batch) => {
      received.push(...batch.map(({ value }) => value));
      return Promise.resolve(batch.length);
    }, 5);
    await waitFor("its partitions", async () => await queue.backlog() === 0);
    const admin = new Kafka({ brokers: [kafkaBrokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      await admin.deleteTopics({ topics: [thoughts] });
      await waitFor("the topic is there again", async () => (await admin.listTopics()).includes(thoughts));
      // The broker may name a topic before it hosts it; the relay tries again too.
      await waitFor("a message on it", () => queue.publish([message("after")]).then(() => true));
      await waitFor("what is published since", () => received.includes("after"));
    } finally {
      await admin.deleteTopics({ topics: [thoughts] }).catch(() => {});
      await admin.disconnect();
    }
  },
);

testOnServices(
  "what was not finished before a stop comes to the next member, what was does not",
  async ({ kafkaBrokers }) => {
    const run = crypto.randomUUID();
    const publish = async (value: string) => {
      await using queue = openKafka({ brokers: [kafkaBrokers], log });
      await queue.publish([message(run + value)]);
    };
    const begun = Promise.withResolvers<void>();
    {
      await using queue = openKafka({ brokers: [kafkaBrokers], log });
      const done: string[] = [];
      const subscription = await queue.subscribe((batch, signal) => {
        const mine = batch.filter(({ value }) => value.startsWith(run)).map(({ value }) =>
          value.slice(run.length)
        );
        if (!mine.includes("unfinished")) {
          done.push(...mine);
          return Promise.resolve(batch.length);
        }
        begun.resolve();
        return Promise.reject(new Error(`no database, stopping: ${signal.aborted}`));
      }, 1);
      await waitFor("membership of the group", () => Promise.resolve(subscription.active()));
      await publish("finished");
      await waitFor("the first", () => Promise.resolve(done.includes("finished")));
      await publish("unfinished");
      await begun.promise;
      await subscription[Symbol.asyncDispose]();
      assert.equal(subscription.active(), false);
    }
    await using queue = openKafka({ brokers: [kafkaBrokers], log });
    const seen: string[] = [];
    await using _subscription = await queue.subscribe((batch) => {
      seen.push(
        ...batch.filter(({ value }) => value.startsWith(run)).map(({ value }) => value.slice(run.length)),
      );
      return Promise.resolve(batch.length);
    }, 10);
    await waitFor("the unfinished one", () => Promise.resolve(seen.includes("unfinished")));
    assert.deepEqual(seen, ["unfinished"]);
  },
);

testOnServices("a dead letter can be published", async ({ kafkaBrokers }) => {
  await using queue = openKafka({ brokers: [kafkaBrokers], log });
  await queue.publish([{ ...message("a test"), topic: DEAD_TOPIC, reason: "to see whether it goes" }]);
});

testOnServices(
  "a thousand dead letters of 1,200 characters go, and one that Kafka never takes holds no other",
  async ({ kafkaBrokers }) => {
    await using queue = openKafka({ brokers: [kafkaBrokers], log });
    const letter = (reason: string) => ({ ...message("a test"), topic: DEAD_TOPIC, reason });
    const letters = Array.from({ length: 1_000 }, () => letter("\u4e2d".repeat(1_200)));
    assert.deepEqual(await queue.publish(letters), []);
    const tooLong = letter("x".repeat(2_000_000));
    assert.deepEqual(await queue.publish([letter("before"), tooLong, letter("after")]), [tooLong]);
  },
);

testOnServices(
  "a member whose handler waits for room makes place for another within seconds",
  async ({ kafkaBrokers }) => {
    const wait = (_: unknown, signal: AbortSignal) =>
      new Promise<number>((resolve) => signal.addEventListener("abort", () => resolve(0), { once: true }));
    await using one = openKafka({ brokers: [kafkaBrokers], log });
    await using first = await one.subscribe(wait, 10);
    await waitFor("the first member", () => Promise.resolve(first.active()));
    await one.publish([message(`${crypto.randomUUID()} waits`)]);
    await waitFor("its backlog", async () => await one.backlog() > 0);
    await using other = openKafka({ brokers: [kafkaBrokers], log });
    const startedAt = performance.now();
    await using second = await other.subscribe(wait, 10);
    await waitFor("the second member", async () => second.active() && await other.backlog() < Infinity);
    assert.ok(performance.now() - startedAt < 15_000, `${performance.now() - startedAt} ms`);
  },
);

testOnServices(
  "a watermark is passed when all before it has been taken",
  async ({ kafkaBrokers }) => {
    await using queue = openKafka({ brokers: [kafkaBrokers], log });
    const opened = Promise.withResolvers<void>();
    await using subscription = await queue.subscribe(async (batch) => {
      await opened.promise;
      return batch.length;
    }, 100);
    await waitFor("membership of the group", () => Promise.resolve(subscription.active()));
    await queue.publish([message(`${crypto.randomUUID()} to pass`)]);
    const watermark = await queue.watermark();
    assert.equal(await queue.passed(watermark), false);
    opened.resolve();
    await waitFor("the group to pass", () => queue.passed(watermark));
    const ahead = Object.fromEntries(
      Object.entries(watermark).map(([partition, end]) => [partition, end + 1_000]),
    );
    assert.equal(await queue.passed(ahead), true, "a topic created again has an earlier end");
  },
);

testOnServices(
  "a topic that the broker compresses is refused, with what to do about it",
  async ({ kafkaBrokers }) => {
    const admin = new Kafka({ brokers: [kafkaBrokers], logLevel: logLevel.NOTHING }).admin();
    const compress = (value: string) =>
      admin.alterConfigs({
        validateOnly: false,
        resources: [{
          type: ConfigResourceTypes.TOPIC,
          name: THOUGHTS_TOPIC,
          configEntries: [{ name: "compression.type", value }],
        }],
      });
    await admin.connect();
    try {
      await using made = openKafka({ brokers: [kafkaBrokers], log });
      await made.publish([{ ...message("a test"), topic: DEAD_TOPIC, reason: "so that there are topics" }]);
      await compress("lz4");
      await using queue = openKafka({ brokers: [kafkaBrokers], log });
      await assert.rejects(
        queue.subscribe((batch) => Promise.resolve(batch.length), 1),
        (error: Error) => error instanceof QueueMisconfiguredError && /Delete the topic/.test(error.message),
      );
    } finally {
      await compress("producer");
      await admin.disconnect();
    }
  },
);

testOnServices(
  "a broker that falls silent is told so by its ping within seconds",
  async ({ kafkaBrokers }) => {
    const [hostname, port] = kafkaBrokers.split(":");
    await using proxy = startTcpProxy({ hostname: hostname!, port: Number(port) });
    proxy.block();
    await using queue = openKafka({ brokers: [`127.0.0.1:${proxy.port}`], log });
    const started = performance.now();
    await assert.rejects(queue.ping(), QueueUnavailableError);
    assert.ok(performance.now() - started < 6_000);
    proxy.unblock();
    await queue.ping();
  },
);

testOnServices(
  "the offsets of a topic can be the first that a connection is asked for, as after a failure",
  async ({ kafkaBrokers }) => {
    const thoughts = `thoughts-${crypto.randomUUID()}`;
    {
      await using first = openKafka({ brokers: [kafkaBrokers], names: { thoughts, group: thoughts }, log });
      await waitFor("the new topic is there", () => first.publish([message("before")]).then(() => true));
      await waitFor("each of its partitions has a leader", () => first.passed({}));
    }
    await using queue = openKafka({ brokers: [kafkaBrokers], names: { thoughts, group: thoughts }, log });
    assert.equal(await queue.passed({}), true);
  },
);

Deno.test("a broker that is not there is told so by its ping, each time", async () => {
  await using queue = openKafka({ brokers: ["127.0.0.1:1"], log });
  assert.equal(queue.name, "127.0.0.1:1");
  for (const _ of [1, 2]) await assert.rejects(queue.ping(), QueueUnavailableError);
});

testOnServices(
  "with several brokers in the address, one that is gone or silent is passed over",
  async ({ kafkaBrokers }) => {
    const [hostname, port] = kafkaBrokers.split(":");
    await using silent = startTcpProxy({ hostname: hostname!, port: Number(port) });
    silent.block();
    {
      await using queue = openKafka({ brokers: ["127.0.0.1:1", "127.0.0.1:2", kafkaBrokers], log });
      await queue.ping();
      await queue.publish([message(`${crypto.randomUUID()} past those that are gone`)]);
    }
    await using queue = openKafka({ brokers: [`127.0.0.1:${silent.port}`, kafkaBrokers], log });
    await waitFor("a ping of the other", () => queue.ping().then(() => true));
  },
);
