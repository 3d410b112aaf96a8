/** The offsets of the group and the topic's ends: how much a consumer has ahead, and what it has passed. */
import type { Admin } from "kafkajs";
import type { KafkaConnection } from "./kafka_connection.ts";
import { THOUGHTS_TOPIC, type Watermark } from "./queue.ts";

export interface BacklogOptions {
  readonly connection: KafkaConnection;
  readonly ask: <T>(what: (admin: Admin) => Promise<T>) => Promise<T>;
}

export interface Backlog {
  /** The partition for the next messages: this consumer's in turn; any while it has none. */
  nextPartition(): number | undefined;
  published(count: number): void;
  taken(count: number): void;
  assigned(partitions: readonly number[]): void;
  /** Messages in this consumer's partitions that it has not taken; infinite while it has none. */
  size(): Promise<number>;
}

/** Kafka is queried at most this often; in between, messages published and taken here are counted. */
const ASK_EVERY_MS = 1_000;
/** And this often where nothing was: others hardly ever publish to these partitions. */
const ASK_IDLE_MS = 10_000;

export function createBacklog({ connection, ask }: BacklogOptions): Backlog {
  let partitions: readonly number[] = [];
  let turn = 0;
  let askedAt = -Infinity;
  let estimate = 0;
  let moved = false;

  async function askKafka(): Promise<void> {
    askedAt = performance.now();
    moved = false;
    const before = estimate;
    const own = new Set(partitions);
    const { topic, group } = { topic: connection.topic(THOUGHTS_TOPIC), group: connection.group };
    try {
      const places = await ask((admin) => placesOf(admin, topic, group));
      const lag = places.filter(({ partition }) => own.has(partition))
        .reduce((sum, { high, low, committed }) => sum + Math.max(0, high - Math.max(committed, low)), 0);
      estimate = lag + estimate - before; // what moved meanwhile; counted twice at worst, until the next query
    } catch {
      // Kafka is down: then publishing fails too, and reports it.
    }
  }

  function move(by: number): void {
    estimate += by;
    moved = true;
  }

  return {
    nextPartition: () => partitions.length === 0 ? undefined : partitions[turn++ % partitions.length],
    published: (count) => move(count),
    taken: (count) => move(-count),
    assigned(given) {
      partitions = given;
      askedAt = -Infinity;
    },
    async size() {
      if (partitions.length === 0) return Infinity;
      if (performance.now() - askedAt > (moved ? ASK_EVERY_MS : ASK_IDLE_MS)) await askKafka();
      return Math.max(0, estimate);
    },
  };
}

interface Place {
  readonly partition: number;
  /** The oldest offset that is kept. */
  readonly low: number;
  readonly high: number;
  /** The group's; -1 before its first commit. */
  readonly committed: number;
}

async function placesOf(admin: Admin, topic: string, groupId: string): Promise<Place[]> {
  // One after the other: a new connection learns the brokers by the first, and fails the second without them.
  const ends = await admin.fetchTopicOffsets(topic);
  const [offsets] = await admin.fetchOffsets({ groupId, topics: [topic] });
  const committed = new Map(offsets?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  return ends.map(({ partition, low, high }) => ({
    partition,
    low: Number(low),
    high: Number(high),
    committed: committed.get(partition) ?? -1,
  }));
}

/** The end of each partition of a topic. */
export async function endsOf(admin: Admin, topic: string): Promise<Watermark> {
  const ends = await admin.fetchTopicOffsets(topic);
  return Object.fromEntries(ends.map(({ partition, high }) => [partition, Number(high)]));
}

/** Whether the group has committed past a watermark in each partition, or what was before it is gone. */
export async function isPassed(
  admin: Admin,
  topic: string,
  group: string,
  watermark: Watermark,
): Promise<boolean> {
  const places = await placesOf(admin, topic, group);
  return places.every(({ partition, low, high, committed }) => {
    const end = watermark[partition] ?? 0;
    const madeAnew = high < end;
    return madeAnew || Math.max(low, committed) >= end;
  });
}
