/** The gauges of the backlog; the store is read on a timer, never by a scrape, and counted by one worker for all. */
import { repeat } from "../core/retry.ts";
import type { Heartbeats } from "../core/store/heartbeats.ts";
import type { Waiting } from "../core/store/waiting.ts";
import type { Logger } from "../core/telemetry/log.ts";
import type { Metrics } from "../core/telemetry/metrics.ts";
import { THOUGHT_PRIORITIES } from "../core/thought.ts";
import { GATE_REASONS, type GateState } from "./gate.ts";

/** Three times in a scrape interval of 15 s. */
const EVERY_MS = 5_000;
/** The time over which the rate of all workers is taken. */
const RATE_MS = 60_000;

export interface GaugesOptions {
  /** What waits in the store. */
  readonly waiting: () => Promise<Waiting>;
  readonly heartbeats: Pick<Heartbeats, "present">;
  readonly metrics: Metrics<"worker">;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/** Keeps the gauges current until the signal aborts. They are absent while the store cannot be read. */
export function runGauges({ waiting, heartbeats, metrics, log, signal }: GaugesOptions): Promise<void> {
  const doneBy = createDoneBy();
  return repeat("gauges", { log, signal }, async () => {
    try {
      const [{ thoughts, oldestS, outbox }, workers] = await Promise.all([
        waiting(),
        heartbeats.present(),
      ]);
      const total = thoughts.interactive + thoughts.batch;
      metrics.batch_processor_queue_size.set(total);
      metrics.batch_processor_outbox_size.set(outbox);
      for (const priority of THOUGHT_PRIORITIES) {
        metrics.batch_processor_waiting_thoughts.set({ priority }, thoughts[priority]);
        metrics.batch_processor_oldest_waiting_seconds.set({ priority }, oldestS[priority]);
      }
      const perSecond = doneBy(
        workers.map(({ id, processed, failed }) => ({ id, done: processed + failed })),
      );
      if (total === 0) metrics.batch_processor_drain_seconds.set(0);
      else if (perSecond > 0) metrics.batch_processor_drain_seconds.set(total / perSecond);
      else metrics.batch_processor_drain_seconds.remove();
    } catch (error) {
      forget(metrics);
      throw error;
    }
    return EVERY_MS;
  });
}

/** Removes samples that are no longer known to be true. */
export function forget(metrics: Metrics<"worker">): void {
  metrics.batch_processor_queue_size.remove();
  metrics.batch_processor_outbox_size.remove();
  metrics.batch_processor_drain_seconds.remove();
  for (const priority of THOUGHT_PRIORITIES) {
    metrics.batch_processor_waiting_thoughts.remove({ priority });
    metrics.batch_processor_oldest_waiting_seconds.remove({ priority });
  }
}

/** Shows the gate as it is now. */
export function showGate(metrics: Metrics<"worker">, { reason: closedFor, since, limit }: GateState): void {
  for (const reason of GATE_REASONS) {
    metrics.batch_processor_gate_closed.set({ reason }, reason === closedFor ? 1 : 0);
  }
  metrics.batch_processor_gate_closed_timestamp_seconds.set(since === null ? 0 : since / 1_000);
  metrics.batch_processor_gate_lanes.set(limit);
}

/** Thoughts per second that all workers finished over the last minute, from their counts. */
function createDoneBy(now = () => performance.now()) {
  let samples: { readonly at: number; readonly done: ReadonlyMap<string, number> }[] = [];
  return (workers: readonly { readonly id: string; readonly done: number }[]): number => {
    samples = [...samples.filter(({ at }) => now() - at <= RATE_MS), {
      at: now(),
      done: new Map(workers.map(({ id, done }) => [id, done])),
    }];
    const [first] = samples;
    const elapsedS = (now() - first!.at) / 1_000;
    if (elapsedS === 0) return 0;
    const finished = workers.reduce(
      (sum, { id, done }) => sum + Math.max(0, done - (first!.done.get(id) ?? 0)),
      0,
    );
    return finished / elapsedS;
  };
}
