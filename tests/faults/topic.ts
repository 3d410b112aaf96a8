/** What is on a topic. */
import { type Consumer, Kafka, logLevel } from "kafkajs";
import { waitFor } from "../support/wait.ts";

export interface Topic extends AsyncDisposable {
  /** From each message's value (a thought's id, or the place of an unreadable message) to why it is dead, or "". */
  readonly reasons: ReadonlyMap<string, string>;
}

/** Reads the topic from its beginning, once it is there; tests before this one have left theirs there too. */
export async function readTopic(brokers: string, topic: string): Promise<Topic> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const reasons = new Map<string, string>();
  const consumer: Consumer = kafka.consumer({
    groupId: `reader-${crypto.randomUUID()}`,
    allowAutoTopicCreation: false, // it would have one partition
  });
  await consumer.connect();
  await waitFor(
    "the topic is there",
    () => consumer.subscribe({ topic, fromBeginning: true }).then(() => true),
  );
  await consumer.run({
    eachMessage({ message }) {
      reasons.set(String(message.value), String(message.headers?.reason ?? ""));
      return Promise.resolve();
    },
  });
  return { reasons, [Symbol.asyncDispose]: () => consumer.disconnect() };
}
