/** The reconciler: finds thoughts whose worker died or whose message was lost, and announces them again. */
import type { Queue, Watermark } from "../core/queue/queue.ts";
import { repeat } from "../core/retry.ts";
import type { Fence } from "../core/store/statements.ts";
import type { Announcement, Stranded } from "../core/store/stranded.ts";
import { type Logger, reason } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";

/** Unfinished thoughts checked together. */
const PART = 10_000;
/** A round checks part after part for this long; the next one continues where it ended. */
const ROUND_MS = 100;
/** After the start with a queue inside the process, and between two rounds then. */
const START_MS = 10_000;
const START_PAUSE_MS = 200;
/** Announcements tracked at once. */
const FOLLOWED = 5_000;

export interface ReconcilerOptions {
  readonly stranded: Stranded;
  readonly queue: Pick<Queue, "watermark" | "passed" | "startsEmpty">;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** Pause between two rounds. */
  readonly everyMs: number;
  /** A thought's message is not checked for loss before it is this old. */
  readonly lostAfterMs: number;
  /**
   * Claims are not released until the database has responded for this long, to let their workers renew them.
   */
  readonly graceMs: number;
  /** Whether this worker reconciles for all. */
  readonly leads: () => boolean;
}

/** Announcements made before a watermark: once the group has passed it, their messages were taken or lost. */
interface Followed {
  readonly announcements: readonly Announcement[];
  readonly watermark: Watermark;
}

/** Runs until the signal aborts; survives outages of the database and the queue. */
export function runReconciler(options: ReconcilerOptions): Promise<void> {
  const { stranded, queue, metrics, log, signal, everyMs, lostAfterMs, graceMs, leads } = options;
  let after: string | null = null;
  let followed: Followed | undefined;
  const startedAt = performance.now();
  let answeringSince = startedAt;

  /**
   * The age from which an announcement is checked: with a queue that started empty, everything from before
   * the start.
   */
  function announcedMs(): number {
    return queue.startsEmpty ? Math.min(lostAfterMs, performance.now() - startedAt) : lostAfterMs;
  }

  async function look(): Promise<Announcement[]> {
    const announced: Announcement[] = [];
    const roundStartedAt = performance.now();
    do {
      const part = await stranded.look(after, PART, announcedMs());
      after = part.next;
      announced.push(...part.announced);
      if (part.stale.length > 0 && performance.now() - answeringSince > graceMs) await release(part.stale);
    } while (after !== null && performance.now() - roundStartedAt < ROUND_MS && announced.length < FOLLOWED);
    return announced.slice(0, FOLLOWED);
  }

  async function release(stale: readonly Fence[]): Promise<void> {
    const { waiting, failed } = await stranded.releaseStale(stale);
    metrics.batch_processor_crashes_total.inc(waiting.size + failed.size);
    metrics.batch_processor_requeued_total.inc({ reason: "stale_claim" }, waiting.size);
    metrics.batch_processor_thoughts_failed_total.inc(failed.size);
    if (waiting.size > 0) {
      log.warn("thoughts of a worker that crashed, each to be tried alone", { thoughts: waiting.size });
    }
    for (const id of failed) {
      log.error("thought given up: its worker's process ended each time", { thought_id: id });
    }
  }

  async function follow(announced: readonly Announcement[]): Promise<void> {
    if (followed !== undefined && await queue.passed(followed.watermark)) {
      const lost = await stranded.announceAgain(followed.announcements);
      followed = undefined;
      metrics.batch_processor_requeued_total.inc({ reason: "lost_message" }, lost);
      if (lost > 0) log.warn("thoughts whose message was lost, announced again", { thoughts: lost });
    }
    // The watermark is read after the announcements: each of their messages is before it.
    if (followed === undefined && announced.length > 0) {
      followed = { announcements: announced, watermark: await queue.watermark() };
    }
  }

  return repeat("reconciler", { log, signal }, async () => {
    if (!leads()) {
      [after, followed, answeringSince] = [null, undefined, Infinity];
      return everyMs;
    }
    let announced: Announcement[];
    try {
      announced = await look();
    } catch (error) {
      answeringSince = Infinity; // until it has responded again
      throw error;
    } finally {
      if (answeringSince === Infinity) answeringSince = performance.now();
    }
    await follow(announced).catch((error) =>
      log.warn("lost messages not checked", { reason: reason(error) })
    );
    const starting = queue.startsEmpty && performance.now() - startedAt < START_MS;
    return starting && followed !== undefined ? START_PAUSE_MS : everyMs;
  });
}
