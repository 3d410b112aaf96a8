import assert from "node:assert/strict";
import { waitFor } from "../../tests/support/wait.ts";
import { createLogger } from "../telemetry/log.ts";
import { openMemoryQueue } from "./memory.ts";
import { DEAD_TOPIC, type Message, QueueUnavailableError, THOUGHTS_TOPIC } from "./queue.ts";

const log = createLogger({ service: "test", write: () => {} });
const message = (value: string, topic = THOUGHTS_TOPIC): Message => ({
  topic,
  value,
  reason: null,
  traceparent: null,
});
const messages = (count: number) => Array.from({ length: count }, (_, at) => message(String(at)));
const all = (received: readonly string[][], count: number) =>
  waitFor(`${count} messages`, () => Promise.resolve(received.flat().length >= count));

Deno.test("messages arrive in order, in batches of at most the size asked for, whenever they were published", async () => {
  await using queue = openMemoryQueue(log);
  await queue.publish(messages(5));
  const received: string[][] = [];
  await using _subscription = await queue.subscribe((batch) => {
    received.push(batch.map(({ value }) => value));
    return Promise.resolve(batch.length);
  }, 2);
  await all(received, 5);
  await queue.publish([message("later")]);
  await all(received, 6);
  assert.deepEqual(received, [["0", "1"], ["2", "3"], ["4"], ["later"]]);
});

Deno.test("each message has a position of its own", async () => {
  await using queue = openMemoryQueue(log);
  const positions: string[] = [];
  await using _subscription = await queue.subscribe((batch) => {
    positions.push(...batch.map(({ position }) => position));
    return Promise.resolve(batch.length);
  }, 10);
  await queue.publish(messages(2));
  await queue.publish(messages(1));
  await waitFor("three", () => Promise.resolve(positions.length === 3));
  assert.deepEqual(positions, ["thoughts/0/0", "thoughts/0/1", "thoughts/0/2"]);
});

Deno.test("a batch whose handler throws comes again, with nothing lost behind it", async () => {
  await using queue = openMemoryQueue(log);
  const received: string[][] = [];
  let failures = 0;
  await using _subscription = await queue.subscribe((batch) => {
    if (failures++ < 2) return Promise.reject(new Error("no database"));
    received.push(batch.map(({ value }) => value));
    return Promise.resolve(batch.length);
  }, 3);
  await queue.publish(messages(4));
  await all(received, 4);
  assert.deepEqual(received, [["0", "1", "2"], ["3"]]);
});

Deno.test("a full queue refuses all of a publish, and takes it once there is room", async () => {
  await using queue = openMemoryQueue(log);
  await queue.publish(messages(9_999));
  await assert.rejects(queue.publish(messages(2)), QueueUnavailableError);
  const received: string[][] = [];
  await using _subscription = await queue.subscribe((batch) => {
    received.push(batch.map(({ value }) => value));
    return Promise.resolve(batch.length);
  }, 1_000);
  await all(received, 9_999);
  await queue.publish(messages(2));
  await all(received, 10_001);
  assert.equal(received.flat().length, 10_001);
});

Deno.test("dead letters are not consumed", async () => {
  await using queue = openMemoryQueue(log);
  const received: string[][] = [];
  await using _subscription = await queue.subscribe((batch) => {
    received.push(batch.map(({ value }) => value));
    return Promise.resolve(batch.length);
  }, 10);
  await queue.publish([message("dead", DEAD_TOPIC), message("alive")]);
  await all(received, 1);
  assert.deepEqual(received, [["alive"]]);
});

Deno.test("unsubscribing finishes the batch under way and takes no other; only then is it inactive", async () => {
  await using queue = openMemoryQueue(log);
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const handled: string[] = [];
  let told = false;
  const subscription = await queue.subscribe(async ([first], signal) => {
    begun.resolve();
    await finish.promise;
    told = signal.aborted;
    handled.push(first!.value);
    return 1;
  }, 1);
  assert.ok(subscription.active());
  await queue.publish(messages(2));
  await begun.promise;
  const closed = subscription[Symbol.asyncDispose]();
  finish.resolve();
  await closed;
  assert.deepEqual([handled, told, subscription.active()], [["0"], true, false]);
});

Deno.test("unsubscribing from an idle queue, or while a batch waits for its next try, does not hang", async () => {
  await using queue = openMemoryQueue(log);
  await (await queue.subscribe(() => Promise.resolve(1), 1))[Symbol.asyncDispose]();
  const failed = Promise.withResolvers<void>();
  const subscription = await queue.subscribe(() => {
    failed.resolve();
    return Promise.reject(new Error("always"));
  }, 1);
  await queue.publish(messages(1));
  await failed.promise;
  await subscription[Symbol.asyncDispose]();
});

Deno.test("what was not taken comes again; the backlog is what was not taken, a watermark is passed when all before it was", async () => {
  await using queue = openMemoryQueue(log);
  await queue.publish(messages(3));
  const watermark = await queue.watermark();
  const received: string[][] = [];
  await using _subscription = await queue.subscribe((batch) => {
    received.push(batch.map(({ value }) => value));
    return Promise.resolve(received.length < 3 ? 1 : 0);
  }, 10);
  await waitFor("three calls", () => Promise.resolve(received.length >= 3));
  assert.deepEqual(received.slice(0, 3), [["0", "1", "2"], ["1", "2"], ["2"]]);
  assert.equal(await queue.backlog(), 1);
  assert.equal(await queue.passed(watermark), false);
});
