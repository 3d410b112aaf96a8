/**
 * The transport of thought ids: Kafka, or a queue inside the process. It may repeat or lose messages; the
 * store makes that harmless.
 */
import type { Traceparent } from "../telemetry/traceparent.ts";
import { UnavailableError } from "../unavailable.ts";

/**
 * The topic of announcements: the value is a thought's id, without a key, to bind no user to a partition.
 */
export const THOUGHTS_TOPIC = "thoughts";
/** The topic of failed thoughts and unreadable messages. */
export const DEAD_TOPIC = "thoughts.dead";
/** The consumer group all workers share. */
export const GROUP = "batch-processor";
/** More than the default three workers: five can share the work too. */
export const PARTITIONS = 6;

export interface Message {
  readonly topic: string;
  readonly value: string;
  /** Why it is dead; null elsewhere. */
  readonly reason: string | null;
  readonly traceparent: Traceparent | null;
}

export interface ReceivedMessage extends Message {
  /** Its position, as `topic/partition/offset`. */
  readonly position: string;
  /**
   * When it was sent, in milliseconds since the epoch by the sender's clock; null where the queue does not
   * know.
   */
  readonly publishedAt: number | null;
}

/**
 * Takes as many messages as it has room for, and returns how many, counted from the first: their offsets are
 * then committed, so they must be safe elsewhere (their claims are in the store). It is called again for the
 * rest, and after a pause when it throws. It may wait for room until the signal aborts: then the consumer
 * stops or has to release its partitions, and 0 is a valid result.
 */
export type Handler = (messages: readonly ReceivedMessage[], signal: AbortSignal) => Promise<number>;

export interface Subscription extends AsyncDisposable {
  /** True while this process is a live member of the consumer group. */
  active(): boolean;
  /** Rejects when the consumer has died for good; never resolves. */
  readonly failed: Promise<never>;
}

/** A position in the queue; opaque except to the queue that made it. */
export type Watermark = Readonly<Record<string, number>>;

export interface Queue extends AsyncDisposable {
  /** Which queue this is, to show. */
  readonly name: string;
  /** Whether it lives and dies with the process: earlier announcements are lost. @default false */
  readonly startsEmpty?: boolean;
  /**
   * Resolves when every message is safe with the queue, except those it will never accept, such as ones that
   * are too long: these are returned. Thoughts go to partitions of this process's own consumer, if it has
   * one.
   *
   * @throws {QueueUnavailableError} when some may not be safe; publish them all again
   */
  publish(messages: readonly Message[]): Promise<readonly Message[]>;
  /**
   * Consumes {@link THOUGHTS_TOPIC}, at most `batchSize` messages at a time. Disposing finishes what is held.
   */
  subscribe(handler: Handler, batchSize: number): Promise<Subscription>;
  /**
   * Messages that this process's consumer will receive and has not taken yet: an estimate, corrected each
   * second. Infinite while it receives none.
   */
  backlog(): Promise<number>;
  /** The current end of the queue. */
  watermark(): Promise<Watermark>;
  /**
   * Whether everything before a watermark has been taken, or is gone: by retention, or with a topic created
   * again.
   */
  passed(watermark: Watermark): Promise<boolean>;
  /** Resolves if the queue responds, otherwise throws. */
  ping(): Promise<void>;
}

/** Thrown when the queue can't be reached, or has no room now. */
export class QueueUnavailableError extends UnavailableError {
  override readonly name = "QueueUnavailableError";
}

/** Thrown when the queue's configuration makes it unusable; the message says what to do. */
export class QueueMisconfiguredError extends Error {
  override readonly name = "QueueMisconfiguredError";
}
