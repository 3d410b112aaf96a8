/** A system to break: a database of its own, one API, some workers, all of them real processes. */
import assert from "node:assert/strict";
import { createResultAudit, type ResultAudit, type Verdict } from "./result_audit.ts";
import type { Load } from "./load.ts";
import { type Program, startProgram } from "./program.ts";
import { ROOT } from "../support/process.ts";
import type { Services } from "../support/services.ts";
import { waitFor } from "../support/wait.ts";

export interface SystemOptions {
  /** @default 3 */
  readonly workers?: number;
  /** Settings beyond the defaults below. */
  readonly env?: Readonly<Record<string, string>>;
  /** The source to run. @default this repository */
  readonly root?: string;
  /** Fills the empty database before the first program starts. @default nothing */
  readonly prepare?: (audit: ResultAudit) => Promise<void>;
}

export interface System extends AsyncDisposable {
  readonly audit: ResultAudit;
  readonly api: Program;
  readonly workers: readonly Program[];
  /** @param source what it runs. @default that of the system */
  startWorker(source?: string): Promise<Program>;
  /** Starts another API in place of the present one, which runs until it is stopped. */
  replaceApi(): Promise<{ readonly before: Program }>;
  /** Waits until no thought is unfinished. @returns seconds it took */
  settled(timeoutMs?: number): Promise<number>;
  /** Runs a task of ours against this system's database. @returns what it printed */
  task(script: string, ...args: readonly string[]): Promise<string>;
}

/** Claims go stale sooner than in production, so that a test needn't wait for it. */
const QUICK = {
  LEASE_MS: "5000",
  RECONCILE_EVERY_MS: "500",
  RETRY_FIRST_MS: "50",
};

export async function startSystem(services: Services, options: SystemOptions = {}): Promise<System> {
  const { workers = 3, env = {}, root = ROOT, prepare } = options;
  await using stack = new AsyncDisposableStack();
  const audit = stack.use(await createResultAudit(services.databaseUrl));
  await prepare?.(audit);
  const settings = {
    ...QUICK,
    DATABASE_URL: audit.url,
    REDIS_URL: services.redisUrl,
    KAFKA_BROKERS: services.kafkaBrokers,
    ...env,
  };
  // Stopped together: one after the other they would wait for each other's rebalance.
  const programs: Program[] = [];
  const start = async (entry: "api" | "worker", source = root) => {
    const program = await startProgram({ root: source, entry, env: settings });
    programs.push(program);
    return program;
  };
  stack.defer(async () => {
    await Promise.all(programs.map((program) => program[Symbol.asyncDispose]()));
  });

  let api = await start("api");
  await audit.watch();
  const running = await Promise.all(Array.from({ length: workers }, () => start("worker")));

  const owned = stack.move();
  return {
    audit,
    get api() {
      return api;
    },
    workers: running,
    async startWorker(source) {
      const worker = await start("worker", source);
      running.push(worker);
      return worker;
    },
    async replaceApi() {
      const before = api;
      api = await start("api");
      return { before };
    },
    async settled(timeoutMs = 90_000) {
      const from = performance.now();
      await waitFor("no thought is on its way", async () => await audit.open() === 0, {
        timeoutMs,
        describe: () => running.map((worker) => worker.lastWords()).join("\n"),
      });
      return (performance.now() - from) / 1_000;
    },
    async task(script, ...args) {
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--quiet", "--no-prompt", "-P=dev", script, ...args],
        cwd: root,
        env: settings,
      }).output();
      return new TextDecoder().decode(stdout);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/**
 * After a test that killed workers, Kafka's group may still wait for them; the load is not to be over by
 * then.
 */
export async function everyWorkerActive(system: System): Promise<void> {
  await waitFor("every worker is in the group", async () => {
    const active = await Promise.all(
      system.workers.map((worker) => worker.metric("batch_processor_active_workers")),
    );
    return active.every((value) => value === 1);
  });
}

/** Every program has lived through the fault. */
export function assertNoneEnded({ api, workers }: Pick<System, "api" | "workers">): void {
  const ended = [api, ...workers].filter(({ exited }) => exited);
  assert.equal(
    ended.length,
    0,
    `none needed a restart\n${ended.map((program) => program.lastWords()).join("\n")}`,
  );
}

/**
 * What every fault ends with: each accepted thought completed, one result each, and no thought nobody posted.
 */
export async function assertNothingLostOrTwice(system: System, ...loads: Load[]): Promise<Verdict> {
  const accepted = loads.flatMap((load) => load.accepted);
  const verdict = await system.audit.verdict(accepted);
  const all = accepted.length;
  assert.deepEqual(verdict, { stored: all, completed: all, failed: 0, lost: 0, twice: 0, mixedUp: 0 });
  return verdict;
}
