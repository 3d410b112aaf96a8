import assert from "node:assert/strict";
import { testOnDatabases } from "../../tests/support/databases.ts";
import { createDeadLetters } from "./dead_letters.ts";

testOnDatabases("a dead letter of whatever came in is stored, and leaves once", async (database) => {
  const letters = createDeadLetters(database);
  await letters.put([
    { value: "thoughts/0/1", reason: "malformed message", traceparent: "00-\0" },
    { value: "thoughts/0/2", reason: "long ".repeat(1_000), traceparent: null },
  ]);
  const sent: (string | null)[][] = [];
  await assert.rejects(letters.take(10, () => Promise.reject(new Error("no Kafka"))), /no Kafka/);
  await letters.take(10, (messages) => {
    sent.push(...messages.map(({ topic, value, traceparent }) => [topic, value, traceparent]));
    for (const { reason } of messages) assert.ok(reason!.length <= 500);
    return Promise.resolve();
  });
  assert.deepEqual(sent.toSorted(), [
    ["thoughts.dead", "thoughts/0/1", "00- "],
    ["thoughts.dead", "thoughts/0/2", null],
  ]);
  assert.equal(await letters.take(10, () => assert.fail("it sent")), 0);
});
