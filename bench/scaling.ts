/** What more processes bring on one machine, and what they take from PostgreSQL. */
import { type Acceptance, measureAcceptance } from "./accept.ts";
import { measureDrain } from "./drain.ts";
import { type MeasuredProcess, startAll } from "./measured_process.ts";
import { openDatabaseServer, type UsagePer1000, usagePer1000 } from "./database_server.ts";
import type { Stores } from "./stores.ts";

/** Thoughts per second of so many processes together. */
export interface Scale {
  readonly processes: number;
  readonly perSecond: number;
  /** CPU time of all of them for a thousand thoughts, in milliseconds. */
  readonly cpuMsPer1000: number;
  /** What PostgreSQL took; absent if that cannot be read here. */
  readonly database?: UsagePer1000;
}

export interface Scaling {
  readonly apis: readonly Scale[];
  readonly workers: readonly Scale[];
}

export interface ScalingOptions {
  readonly seconds: number;
  readonly warmUpS: number;
  readonly connections: number;
  readonly thoughts: number;
  readonly startApi: () => Promise<MeasuredProcess>;
  readonly startWorker: () => Promise<MeasuredProcess>;
  /** Empties the database. */
  readonly forget: () => Promise<void>;
  readonly onStep: (step: string) => void;
}

const APIS = [1, 2, 4];
const WORKERS = [1, 3, 6];

/** Measures the API by its own load, and workers from the outbox, relay included. */
export async function measureScaling(
  services: NonNullable<Stores["services"]>,
  options: ScalingOptions,
): Promise<Scaling> {
  const { thoughts, startApi, startWorker, forget, onStep } = options;
  await using server = await openDatabaseServer(services.databaseUrl);
  const apis: Scale[] = [];
  for (const processes of APIS) {
    onStep(`${processes} × API`);
    await forget();
    await using started = await startAll(processes, startApi);
    const before = await server?.usage();
    const each = await Promise.all(
      started.all.map((api) =>
        measureAcceptance(api, { ...options, connections: Math.ceil(options.connections / processes) })
      ),
    );
    const together = sumOf(each);
    apis.push({
      processes,
      perSecond: together.perSecond,
      cpuMsPer1000: together.cpuMsPer1000,
      ...(before && { database: usagePer1000(before, await server!.usage(), together.thoughts) }),
    });
  }
  const workers: Scale[] = [];
  for (const processes of WORKERS) {
    onStep(`${processes} × worker`);
    await forget();
    await using started = await startAll(processes, startWorker);
    const drain = () =>
      measureDrain(started.all, services, { thoughts, repeats: 0.3, from: "outbox", server });
    await drain(); // warms up
    const { perSecond, cpuMsPer1000, database } = await drain();
    workers.push({
      processes,
      perSecond,
      cpuMsPer1000,
      ...(database && { database }),
    });
  }
  return { apis, workers };
}

/** Of all processes, the warm-up included where it costs. */
function sumOf(each: readonly Acceptance[]) {
  const stored = each.map(({ accepted, warmUp }) => accepted + warmUp);
  const thoughts = stored.reduce((total, count) => total + count, 0);
  const cpuMs = each.reduce(
    (total, { cpuMsPer1000 }, index) => total + cpuMsPer1000 * stored[index]! / 1_000,
    0,
  );
  return {
    thoughts,
    perSecond: each.reduce((total, { perSecond }) => total + perSecond, 0),
    cpuMsPer1000: cpuMs / thoughts * 1_000,
  };
}
