/** Chooses the queue: Kafka where brokers are configured, else a queue inside the process. */
import type { Config } from "./config.ts";
import { openKafka } from "./kafka.ts";
import type { Logger } from "./log.ts";
import { openMemoryQueue } from "./memory_queue.ts";
import type { Queue } from "./queue.ts";

export function openQueue(config: Pick<Config, "kafkaBrokers" | "partitionsAtOnce">, log: Logger): Queue {
  const { kafkaBrokers: brokers, partitionsAtOnce } = config;
  return brokers === undefined ? openMemoryQueue(log) : openKafka({ brokers, partitionsAtOnce, log });
}
