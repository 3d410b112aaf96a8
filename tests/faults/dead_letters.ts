/** What lies on the dead-letter topic. */
import { type Consumer, Kafka, logLevel } from "kafkajs";
import { DEAD_TOPIC } from "../../core/queue.ts";

export interface DeadLetters extends AsyncDisposable {
  /** From value (a thought's id, or the place of an unreadable message) to reason. */
  readonly reasons: ReadonlyMap<string, string>;
}

/** Reads the topic from its beginning; tests before this one have left theirs there too. */
export async function readDeadLetters(brokers: string): Promise<DeadLetters> {
  const kafka = new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING });
  const reasons = new Map<string, string>();
  const consumer: Consumer = kafka.consumer({ groupId: `dead-${crypto.randomUUID()}` });
  await consumer.connect();
  await consumer.subscribe({ topic: DEAD_TOPIC, fromBeginning: true });
  await consumer.run({
    eachMessage({ message }) {
      reasons.set(String(message.value), String(message.headers?.reason ?? ""));
      return Promise.resolve();
    },
  });
  return { reasons, [Symbol.asyncDispose]: () => consumer.disconnect() };
}
