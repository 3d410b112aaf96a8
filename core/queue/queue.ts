/** The transport of thought ids: Kafka, or a queue inside the process. It may repeat and lose; the store makes that harmless. */
import type { Traceparent } from "../telemetry/tracing.ts";

/** What thoughts are announced on: the value is a thought id, and there is no key, so that no user is held to a partition. */
export const THOUGHTS_TOPIC = "thoughts";
/** Where given-up thoughts and unreadable messages go. */
export const DEAD_TOPIC = "thoughts.dead";
/** The consumer group all workers share. */
export const GROUP = "batch-processor";
/** More than the default three workers, so that five can share the work too. */
export const PARTITIONS = 6;

export interface Message {
  readonly topic: string;
  readonly value: string;
  /** Why it is dead; null elsewhere. */
  readonly reason: string | null;
  readonly traceparent: Traceparent | null;
}

export interface ReceivedMessage extends Message {
  /** Where it lies, as `topic/partition/offset`. */
  readonly position: string;
}

/**
 * Handles messages together. When it resolves they are done with, and their offsets may be committed; when it throws
 * they come again after a pause. `stopping` says that the consumer wants to end: finish soon.
 */
export type Handler = (messages: readonly ReceivedMessage[], stopping: () => boolean) => Promise<void>;

export interface Subscription extends AsyncDisposable {
  /** True while this process is a live member of the consumer group. */
  active(): boolean;
  /** Rejects when the consumer has died for good; never resolves. */
  readonly failed: Promise<never>;
}

export interface Queue extends AsyncDisposable {
  /** Which queue this is, for people. */
  readonly name: string;
  /**
   * Resolves when every message is safe with the queue.
   *
   * @throws {QueueUnavailableError} when some may not be; publish them all again
   */
  publish(messages: readonly Message[]): Promise<void>;
  /** Consumes {@link THOUGHTS_TOPIC}, at most `batchSize` messages at a time. Disposing finishes what is held. */
  subscribe(handler: Handler, batchSize: number): Promise<Subscription>;
  /** Answers when the queue does; throws when it does not. */
  ping(): Promise<void>;
}

/** Thrown when the queue can't be reached, or has no room now. */
export class QueueUnavailableError extends Error {
  override readonly name = "QueueUnavailableError";
}
