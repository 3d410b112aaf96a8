/** A worker that freezes, loses its claims, and comes back. */
import assert from "node:assert/strict";
import type { Verdict } from "./result_audit.ts";
import { type Load, startLoad } from "./load.ts";
import { startModel } from "./model.ts";
import { report } from "./report.ts";
import { ROOT } from "../support/process.ts";
import type { Services } from "../support/services.ts";
import { faultTest } from "./services.ts";
import { breakSource } from "./source.ts";
import { startSystem } from "./system.ts";
import { lastFor } from "./duration.ts";
import { waitFor } from "../support/wait.ts";

const THOUGHTS = 100;

/**
 * A worker is stopped (SIGSTOP) while the model works on its thoughts. Another claims and completes them;
 * then the first one wakes, finds its responses waiting, and stores them as if nothing had happened.
 */
async function zombie(services: Services, root: string, stoppedS: number): Promise<ZombieReport> {
  await using model = startModel();
  await using system = await startSystem(services, {
    root,
    workers: 0,
    env: { ANALYSER: "openai", OPENAI_BASE_URL: model.url },
  });
  model.holdBack();
  const load = startLoad({ api: () => system.api.url, thoughts: THOUGHTS });
  await load.done;
  const first = await system.startWorker();
  await waitFor("the worker waits for the model", () => model.waiting > 0);
  first.signal("SIGSTOP");
  await waitFor("its statements are over", async () => await system.audit.busy() === 0);
  const held = await system.audit.count("processing");
  const stopped = lastFor(stoppedS);

  await system.startWorker();
  model.release();
  await system.settled();
  await stopped;
  first.signal("SIGCONT");
  const wokeAt = performance.now();
  const lateWrites = await waitFor("the late worker is done with what it held", async () => {
    const processed = await first.metric("batch_processor_thoughts_processed_total");
    const fenced = await first.metric("batch_processor_fenced_writes_total");
    // What comes first after the sleep is a matter of chance: the responses, their time limit or the renewal.
    const withoutEffect = fenced + first.logged("claim lost, its failure is not stored") +
      first.logged("claim lost, its analysis is abandoned");
    return processed + withoutEffect >= held ? { processed, withoutEffect } : undefined;
  });
  const verdict = await system.audit.verdict(load.accepted);
  return { load, held, verdict, ...lateWrites, recoveryS: (performance.now() - wokeAt) / 1_000 };
}

interface ZombieReport {
  readonly load: Load;
  /** Thoughts the first worker had claimed when it was stopped. */
  readonly held: number;
  readonly verdict: Verdict;
  readonly processed: number;
  /** Thoughts whose result was refused, or not even stored since the claim was known to be lost. */
  readonly withoutEffect: number;
  readonly recoveryS: number;
}

faultTest("a worker that was stopped for 45 s changes nothing by its late write", async (services) => {
  const { load, held, verdict, processed, withoutEffect, recoveryS } = await zombie(services, ROOT, 45);
  assert.ok(held > 0);
  assert.deepEqual({ processed, withoutEffect }, { processed: 0, withoutEffect: held });
  assert.deepEqual(verdict, {
    stored: THOUGHTS,
    completed: THOUGHTS,
    failed: 0,
    lost: 0,
    twice: 0,
    mixedUp: 0,
  });
  report("Worker stopped for 45 s (SIGSTOP)", load, verdict, recoveryS);
});

faultTest("without the fence the suite sees results stored twice", async (services) => {
  await using broken = await breakSource({
    file: "core/store/claims.ts",
    from: "where t.id = any(array[done.id]) and t.attempts - done.attempt = 0\n" +
      `      and \${joined("done.id", "t.status = 'processing'")}`,
    to: "where t.id = any(array[done.id])",
  }, {
    // A worker that hears of its lost claims before it writes does no harm either.
    file: "worker/held.ts",
    from: "onLost(one);",
    to: "void one;",
  });
  const { held, verdict } = await zombie(services, broken.root, 0);
  assert.equal(verdict.twice, held);
});
